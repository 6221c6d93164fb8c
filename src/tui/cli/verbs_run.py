"""The verb `run`: create a goal and see it through."""

from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode
from tui.cli.call import Call, Name, Ref, operator, verb
from tui.cli.output import has_terminal, put, put_json, say

if TYPE_CHECKING:
    from engine.api import CreateGoal


@verb("run")
@click.argument("file", metavar="FILE", required=False)
@click.option("--no-ui", is_flag=True, help="Run it to its end without UI.")
@click.option("--set", "given", multiple=True, metavar="k=v", help="A variable of the goal file.")
@click.option("--runtime", type=click.Choice(["auto", "docker", "process"]), help="Where its sandboxes run.")
@click.option(
    "--on-gate",
    type=click.Choice(["wait", "fail", "approve"]),
    help="Without UI, at a gate: wait (default on a terminal), end with exit code 5 (default elsewhere), approve.",
)
@click.option("--max-parallel", type=click.IntRange(1, 1000), metavar="N", help="Sandboxes of this goal at once.")
@click.option("--detach", is_flag=True, help="Leave it to an engine in the background; print the goal's id.")
@click.option("--allow-unconfined", is_flag=True, help="Run gates although a process sandbox could reach them.")
@click.option("--external-ref", metavar="REF", help="What it is about elsewhere: one live goal each (exit code 4).")
@click.option("--template", type=Name(), metavar="NAME", help="Run this template instead of FILE.")
@click.option(
    "--skip", multiple=True, metavar="KEY", help="Run it without this task, or GROUP.testers; as often as needed."
)
@click.option("--again", type=Ref(), metavar="GOAL", help="Start GOAL over instead of FILE: a new goal, history kept.")
async def run(
    call: Call,
    file: str | None,
    no_ui: bool,
    given: tuple[str, ...],
    runtime: str | None,
    on_gate: str | None,
    max_parallel: int | None,
    detach: bool,
    allow_unconfined: bool,
    external_ref: str | None,
    template: str | None,
    skip: tuple[str, ...],
    again: str | None,
) -> ExitCode:
    """Create a goal from FILE or a template and run it.

    On a terminal the screen opens on it. With --no-ui, or without a terminal, it runs to its end: the exit code says
    how it ended; with --json each event is a line and the last one is goal.ended.

    --skip KEY leaves a task out, a gate too, by your choice, which is kept: what needs it goes on as if it were done.
    --again GOAL takes file, variables and options from GOAL as it was created; what is given here goes before them.
    """
    from tui.cli.goalfile import again_request, checked_request, goal_text, variables

    options = {
        "runtime": runtime,
        "max_parallel": max_parallel,
        "allow_unconfined": allow_unconfined,
        "external_ref": external_ref,
        "by": operator(),
    }
    if again is not None:
        request = again_request(again, file, template, variables(given), skip=skip, **options)
    else:
        text = goal_text(call, file, template)
        request = checked_request(text, variables(given), call.settings, skip=skip, **options)
    if detach:
        return await _detached(call, request)
    if no_ui or call.no_ui or call.as_json or not has_terminal():
        from tui.cli.headless_run import run_headless

        return await run_headless(call, request, on_gate)
    from tui.cli.screen import show_screen

    return await show_screen(call, request)


async def _detached(call: Call, request: "CreateGoal") -> ExitCode:
    """Give the goal to the engine that runs, or to a new one in the background."""
    from tui.cli.background import start_in_background
    from tui.cli.session import connect
    from tui.cli.verbs_serve import tell_notices

    engine = await connect(call) or await start_in_background(call)
    try:
        goal = await engine.create_goal(request)
        info = await engine.info()
        await tell_notices(engine)
    finally:
        await engine.close()
    if call.as_json:
        put_json({"goal": goal.id, "state": goal.state.value, "pid": info.pid, "project": info.project})
    else:
        put(goal.id)
        say(f"engine {info.pid} runs it: `{call.command('status', goal.id)}`, `{call.command('events', '-f')}`")
    return ExitCode.DONE
