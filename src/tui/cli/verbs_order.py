"""Verbs that let work begin, hold it back or let it go on: start, pause, resume, drain, retry, skip, dispatch."""

from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json, say
from tui.cli.session import engine_for, look

if TYPE_CHECKING:
    from engine.api import Engine, GoalView


@verb("start")
@click.argument("goal", type=Ref())
async def start(call: Call, goal: str) -> ExitCode | None:
    """Start a goal that is a draft, such as one an assistant proposed.

    `tree GOAL` shows what it would do. Where no engine runs it starts with the next one.
    """
    async with engine_for(call) as engine:
        visiting = await _visiting(engine)
        view = await engine.start_goal(goal)
    _tell(call, view, visiting=visiting)
    return None


@verb("pause")
@click.argument("goal", type=Ref(), required=False)
async def pause(call: Call, goal: str | None) -> ExitCode | None:
    """Start nothing new in a goal; what runs goes on.

    GOAL may be left out where only one goal has not ended. `resume` goes on; `freeze` is for a sandbox that runs.
    """
    await _order(call, goal, "pause")
    return None


@verb("resume")
@click.argument("goal", type=Ref(), required=False)
async def resume(call: Call, goal: str | None) -> ExitCode | None:
    """Take a pause or a drain back, at once."""
    await _order(call, goal, "resume")
    return None


@verb("drain")
@click.argument("goal", type=Ref(), required=False)
async def drain(call: Call, goal: str | None) -> ExitCode | None:
    """Start nothing new in a goal and pause it once what runs has ended."""
    await _order(call, goal, "drain")
    return None


async def _order(call: Call, goal: str | None, word: str) -> None:
    from engine.api import GoalOrder

    named = goal if goal is not None else await _only_goal(call)
    async with engine_for(call) as engine:
        visiting = await _visiting(engine)
        view = await engine.order_goal(named, GoalOrder(word), operator())
    _tell(call, view, visiting=visiting and word == "resume")


async def _only_goal(call: Call) -> str:
    """The one goal that has not ended; Invalid when there are more, or none."""
    from engine.model import FINAL_GOAL_STATES

    goals = (await look(call, lambda engine: engine.status())).goals
    going = [goal.id for goal in goals if goal.state not in FINAL_GOAL_STATES]
    if len(going) != 1:
        found = f"{len(going)} goals have not ended: name one" if going else "every goal has ended"
        raise Invalid(found, hint=f"`{call.command('status')}` lists them")
    return going[0]


@verb("retry")
@click.argument("ref", metavar="ID", type=Ref())
@click.option("--fresh", is_flag=True, help="Count anew: what failed before uses up none of its retries.")
async def retry(call: Call, ref: str, fresh: bool) -> ExitCode | None:
    """Run again what failed, in a new sandbox.

    ID is a task, or a group or goal: then each failed task in it. A goal that had failed goes on. A blocked task
    that asks whether it runs again is answered so.
    """
    async with engine_for(call) as engine:
        visiting = await _visiting(engine)
        view = await engine.retry(ref, fresh=fresh, by=operator())
    _tell(call, view, visiting=visiting)
    return None


@verb("skip")
@click.argument("ref", metavar="ID", type=Ref())
async def skip(call: Call, ref: str) -> ExitCode | None:
    """Go on without one task that is pending, waits, is blocked or has failed.

    For what needs it, it counts as done; its open gate or decision closes. Skipped is final.
    """
    async with engine_for(call) as engine:
        visiting = await _visiting(engine)
        view = await engine.skip(ref, operator())
    _tell(call, view, visiting=visiting)
    return None


@verb("dispatch")
@click.argument("position", type=click.Choice(["on", "off"]))
async def dispatch(call: Call, position: str) -> ExitCode | None:
    """The kill switch: on, or off so that nothing starts in any goal.

    What runs is not touched. It stays where it was put, whatever restarts; `status` shows it.
    """
    async with engine_for(call) as engine:
        info = await engine.switch_dispatch(position == "on", operator())
    if call.as_json:
        put_json(info)
    else:
        put(f"dispatch is {'on' if info.dispatch else 'off: nothing starts'}, {info.live_runs} live")
    return None


async def _visiting(engine: "Engine") -> bool:
    """Asked before the order: an engine may go with its goal."""
    return (await engine.info()).state == "visiting"


def _tell(call: Call, goal: "GoalView", *, visiting: bool) -> None:
    from datetime import UTC, datetime

    from tui.cli.draw import goal_lines

    if call.as_json:
        put_json(goal)
        return
    for line in goal_lines(goal, datetime.now(UTC)):
        put(line)
    if visiting:
        say(f"no engine runs; to go on: `{call.command('--no-ui', '--until', 'idle')}`")
