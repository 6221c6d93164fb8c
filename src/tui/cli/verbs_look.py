"""Verbs that look: status, tree, why, sandboxes, diff."""

import click

from engine.errors import ExitCode
from tui.cli import draw
from tui.cli.call import Call, Ref, verb
from tui.cli.output import put, put_foreign, put_json, say
from tui.cli.session import has_project, look, no_project


@verb("status")
@click.argument("goal", type=Ref(), required=False)
async def status(call: Call, goal: str | None) -> ExitCode | None:
    """Show the engine and its goals.

    Where no engine runs the store is read; in a folder without a project the answer is empty.
    """
    if goal is None and not has_project(call):
        _empty_status(call)
        return None
    answer = await look(call, lambda engine: engine.status(goal))
    if call.as_json:
        put_json(answer)
        return None
    for line in draw.status_lines(answer):
        put(line)
    if answer.engine.state == "visiting":
        say(f"no engine runs: `{call.command()}` or `{call.command('serve')}` goes on")
    return None


def _empty_status(call: Call) -> None:
    if call.as_json:
        put_json({"engine": {"state": "none", "project": str(call.paths.root)}, "goals": []})
        return
    missing = no_project(call)
    say(f"{missing.message}: {missing.hint}")


@verb("tree")
@click.argument("goal", type=Ref())
async def tree(call: Call, goal: str) -> ExitCode | None:
    """Show the task tree of a goal."""
    node = await look(call, lambda engine: engine.tree(goal))
    if call.as_json:
        put_json(node)
        return None
    for line in draw.tree_lines(node):
        put(line)
    return None


@verb("why")
@click.argument("ref", metavar="ID", type=Ref())
async def why(call: Call, ref: str) -> ExitCode | None:
    """Prove what holds a task, or how and why it ended.

    ID is a goal, a task (or GOAL/KEY) or a run: which need, cap, backoff or gate holds it; for an ended one the
    exit record with its limit and the last lines of output.
    """
    proof = await look(call, lambda engine: engine.why(ref))
    if call.as_json:
        put_json(proof)
        return None
    for line in draw.why_lines(proof):
        put(line)
    return None


@verb("sandboxes")
async def sandboxes(call: Call) -> ExitCode | None:
    """List live sandboxes."""
    live = await look(call, lambda engine: engine.sandboxes()) if has_project(call) else ()
    if call.as_json:
        put_json(live)
        return None
    for line in draw.sandbox_lines(live):
        put(line)
    if not live:
        say("no sandbox is alive" if has_project(call) else no_project(call).message)
    return None


@verb("diff")
@click.argument("ref", metavar="ID", type=Ref())
@click.option("--stat", is_flag=True, help="Only the files and how many lines each gained and lost.")
async def diff(call: Call, ref: str, stat: bool) -> ExitCode | None:
    """Show the change of a run, a task, a goal or a decision.

    A unified diff; of a task it is the one of its newest run, of a gate or a decision what an approval lets through.
    """
    change = await look(call, lambda engine: engine.diff(ref))
    if call.as_json:
        put_json(change)
        return None
    if stat:
        for line in draw.diff_stat_lines(change):
            put(line)
    elif change.text:
        put_foreign(change.text.removesuffix("\n"))
    if not change.files:
        say("nothing was changed")
    if change.truncated:
        say("the diff is longer than what is kept here: it was cut")
    return None
