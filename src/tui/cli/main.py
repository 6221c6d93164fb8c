"""The `pilothouse` command: global options, verbs loaded when they are called, and the one edge where errors end."""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engine.errors import ExitCode
from tui.cli.call import Call, common_options
from tui.cli.edge import answered
from tui.cli.output import prepare_streams

PROGRAM = "pilothouse"
COMPLETION = "_PILOTHOUSE_COMPLETE"

# name: (module, attribute, summary). The summary stands here so that --help loads no verb.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("verbs_run", "Create a goal from FILE or a template and run it."),
    "serve": ("verbs_serve", "Run the engine in the foreground without UI: events as JSON lines."),
    "attach": ("verbs_attach", "Open the screen on an engine elsewhere."),
    "demo": ("verbs_demo", "Make a small real project and run its goal up to the human gate."),
    "plan": ("verbs_plan", "Validate FILE and show tree, order, limits and critical path; run nothing."),
    "status": ("verbs_look", "Show the engine and its goals."),
    "tree": ("verbs_look", "Show the task tree of a goal."),
    "why": ("verbs_look", "Prove what holds a task, or how and why it ended."),
    "sandboxes": ("verbs_look", "List live sandboxes."),
    "shell": ("verbs_shell", "Open a shell in a live sandbox, or run one command there."),
    "diff": ("verbs_look", "Show the change of a run, a task, a goal or a decision."),
    "decisions": ("verbs_decide", "List pending decisions, most urgent first."),
    "decide": ("verbs_decide", "Answer one decision, or put it off."),
    "undo": ("verbs_decide", "Take back an answer inside its undo window."),
    "delegate": ("verbs_notes", "Label a pending decision with who should answer it."),
    "note": ("verbs_notes", "Add a note to a decision or a task."),
    "rules": ("verbs_rules", "List, try, add or revoke rules that answer requests of runs."),
    "ledger": ("verbs_ledger", "Verify the ledger of decisions, or export it as JSON lines."),
    "template": ("verbs_template", "List templates, or show one as a goal file with its variables."),
    "schedule": ("verbs_schedule", "List, add, remove, start, stop, pause or resume schedules."),
    "signal": ("verbs_signal", "Deliver a signal: KIND is a gate kind, k=v what the gate must name."),
    "logs": ("verbs_logs", "Print the log of a run or of a task's newest run."),
    "events": ("verbs_logs", "Print events, oldest first."),
    "cancel": ("verbs_control", "End a goal or one task for good."),
    "start": ("verbs_order", "Start a goal that is a draft, such as one an assistant proposed."),
    "pause": ("verbs_order", "Start nothing new in a goal; what runs goes on."),
    "resume": ("verbs_order", "Take a pause or a drain back, at once."),
    "drain": ("verbs_order", "Start nothing new in a goal and pause it once what runs has ended."),
    "retry": ("verbs_order", "Run again what failed, in a new sandbox."),
    "skip": ("verbs_order", "Go on without one task that is pending, waits, is blocked or has failed."),
    "dispatch": ("verbs_order", "The kill switch: on, or off so that nothing starts in any goal."),
    "wait": ("verbs_wait", "Wait until a goal, task or run is in a state."),
    "interrupt": ("verbs_sandbox", "Interrupt the turn of a running agent without ending its sandbox by force."),
    "freeze": ("verbs_sandbox", "Let a sandbox and its time limits stand still."),
    "thaw": ("verbs_sandbox", "Let a frozen sandbox go on."),
    "kill": ("verbs_sandbox", "End a run at once, without its cooperation."),
    "rm": ("verbs_sandbox", "Remove what is left of an ended or ownerless sandbox."),
    "agents": ("verbs_agents", "List live agents: role, busy or idle, load, last sign of life."),
    "leases": ("verbs_agents", "List leases: holder, fencing token, who waits."),
    "lease": ("verbs_agents", "Take a lease away from its holder: `lease release NAME --force --reason TEXT`."),
    "message": ("verbs_agents", "Put words into the inbox of a live agent; it reads them with `ph messages`."),
    "checkpoints": ("verbs_agents", "List, show or restore the states that agents kept of their tasks."),
    "fork": ("verbs_agents", "Start a new goal in which TASK begins with the state of a checkpoint."),
    "export": ("verbs_keep", "Write one JSON document with everything about a goal."),
    "backup": ("verbs_keep", "Copy the store to FILE, beside whatever engine runs."),
    "gc": ("verbs_keep", "Remove what runs left behind: sandboxes and work folders that no live run uses."),
    "task": ("verbs_task", "Add, edit or move tasks of a goal that is under way."),
    "set": ("verbs_edit", "Change caps of the running engine, such as engine.max_parallel=8."),
    "metrics": ("verbs_edit", "Print what the engine counts and measures, in the text format of Prometheus."),
    "notify": ("verbs_notify", "Send a test notification, or list what was sent."),
    "stop": ("verbs_control", "Stop the running engine."),
    "mcp": ("verbs_mcp", "Serve an assistant over stdio: the Model Context Protocol on this project's engine."),
    "web": ("verbs_web", "Serve the screen to a browser."),
    "image": ("verbs_image", "Build or check the default sandbox image."),
    "doctor": ("verbs_setup", "Check this machine and project; say how to mend what is wrong."),
    "init": ("verbs_setup", "Make this folder a project, with a commented settings file and a first goal."),
}


class Pilothouse(click.Group):
    """The group: lists verbs from the table and imports a verb's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"tui.cli.{VERBS[cmd_name][0]}")
        command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")  # set_: the other one is Python's
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, VERBS, n=1)
            advice = f"Did you mean {near[0]}?" if near else f"`{PROGRAM} --help` lists all."
            raise click.UsageError(f"there is no verb {name[:60]!r}. {advice}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"{PROGRAM} {version(PROGRAM)}")
        ctx.exit()


def _completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        from tui.cli.completion import install

        install(cli, shell)
        ctx.exit()


@click.group(
    PROGRAM,
    cls=Pilothouse,
    invoke_without_command=True,
    params=common_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--no-ui", is_flag=True, help="Run the engine in the foreground without UI, like `serve`.")
@click.option("--until", type=click.Choice(["idle"]), help="With --no-ui: end when nothing runs or can run.")
@click.option("--listen", metavar="HOST:PORT", help="With --no-ui: also serve the control API there, with tokens.")
@click.option("--read-only-token-file", metavar="FILE", help="With --listen: tokens that may look and change nothing.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option(
    "--install-completion",
    type=click.Choice(["auto", "bash", "zsh", "fish"]),
    is_flag=False,
    flag_value="auto",
    is_eager=True,
    expose_value=False,
    callback=_completion,
    help="Install completion for your shell and say where.",
)
@click.pass_context
def cli(
    ctx: click.Context, no_ui: bool, until: str | None, listen: str | None, read_only_token_file: str | None
) -> ExitCode | None:
    """A control plane for coding-agent sandboxes that lives in the terminal.

    Without a verb: the screen on this project. It starts the engine, or attaches to the one that is running.
    """
    call = ctx.ensure_object(Call)
    call.no_ui = no_ui
    options = "--until, --listen and --read-only-token-file go with --no-ui or serve"
    if ctx.invoked_subcommand is not None:
        if until or listen or read_only_token_file:
            raise click.UsageError(f"{options}, not before a verb.", ctx)
        return None
    if no_ui:
        from tui.cli.verbs_serve import serve

        return ExitCode(ctx.invoke(serve, until=until, listen=listen, read_only_token_file=read_only_token_file))
    if until or listen or read_only_token_file:
        raise click.UsageError(f"{options}.", ctx)
    from tui.cli.screen import open_screen

    return open_screen(call)


def _one_distribution() -> None:
    """Refuse to run on a stranger's `engine` package: both names are generic and could be shadowed."""
    import engine
    import tui

    homes = {Path(str(package.__file__)).resolve().parents[1] for package in (engine, tui)}
    if len(homes) != 1:
        places = " and ".join(str(home) for home in sorted(homes))
        sys.exit(f"{PROGRAM}: `engine` and `tui` come from two places, {places}: install pilothouse into its own venv")


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    _one_distribution()
    prepare_streams()
    if COMPLETION in os.environ:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(cli, {}, PROGRAM, COMPLETION, os.environ[COMPLETION]))
    sys.exit(answered(cli, PROGRAM, list(sys.argv[1:] if args is None else args)))


if __name__ == "__main__":
    main()
