"""A goal without UI: seen through to its end, told as JSON lines, as a live picture or as plain lines."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.errors import ExitCode
from engine.events import Event
from tui.cli.call import Call
from tui.cli.foreground import Foreground
from tui.cli.output import interactive, narrates_live, put, say
from tui.cli.ringing import ringing
from tui.cli.session import Seat, seat_for
from tui.cli.verbs_serve import tell_notices

if TYPE_CHECKING:
    from engine.api import CreateGoal, Engine, TreeNode

Emit = Callable[[Event], None]
EXPLAINED = 3  # failed tasks whose cause is told in full


async def run_headless(call: Call, request: "CreateGoal", on_gate: str | None) -> ExitCode:
    """Create the goal and follow it to its end, or to where nobody may answer."""
    async with seat_for(call) as seat:
        goal = await seat.engine.create_goal(request)
        await tell_notices(seat.engine)
        return await see_through(call, seat, goal.id, on_gate)


async def see_through(call: Call, seat: Seat, goal: str, on_gate: str | None) -> ExitCode:
    """Follow a goal of this engine; `on_gate` None waits on a terminal and fails elsewhere (R129)."""
    policy = on_gate or ("wait" if interactive() else "fail")
    work = _followed(call, seat, goal, policy)
    if seat.own is None:
        return await work
    return await Foreground(seat.own, call.settings.engine.shutdown_grace).attend(work)


async def _followed(call: Call, seat: Seat, goal: str, policy: str) -> ExitCode:
    from engine.headless import OnGate, follow_goal

    async with _told(call, seat.engine, goal) as told, ringing(call, seat.engine, told) as emit:
        outcome = await follow_goal(seat.engine, goal, emit=emit, on_gate=OnGate(policy))
    [view] = (await seat.engine.status(goal)).goals
    if call.as_json:
        from engine.headless import final_line

        put(final_line(view, outcome))
        return outcome
    put(f"{view.id} {view.state.value}")
    if outcome is ExitCode.GATE_PENDING:
        await _how_to_go_on(call, seat, view.id)
    elif outcome is not ExitCode.DONE:
        await _what_failed(seat.engine, await seat.engine.tree(view.id))
    return outcome


@asynccontextmanager
async def _told(call: Call, engine: "Engine", goal: str) -> AsyncIterator[Emit]:
    """How events are told while the goal runs."""
    if call.as_json:
        from tui.cli.words import JsonLines

        yield JsonLines().tell
    elif narrates_live():
        from tui.cli.progress import live_progress

        async with live_progress(call, engine, goal) as emit:
            yield emit
    else:
        from tui.cli.words import Narrator

        yield Narrator(call, await engine.tree(goal)).tell


async def _how_to_go_on(call: Call, seat: Seat, goal: str) -> None:
    """Which decisions wait, and the commands that answer them."""
    from tui.cli.words import answer_words

    say("a gate waits and nobody may answer here:")
    for decision in await seat.engine.decisions():
        if decision.goal == goal:
            say(f"  {decision.question}")
            if decision.content is not None:
                say(f"    {call.command('diff', decision.id)}    # what it would let through")
            words = answer_words(decision.options, decision.choices, [field.name for field in decision.fields])
            others = f"    # or {', '.join(decision.choices[1:])}" if decision.choices[1:] else ""
            say(f"    {call.command('decide', decision.id, *words, '--version', str(decision.version))}{others}")
    if seat.own is not None:
        say(f"  then: {call.command('--no-ui', '--until', 'idle')}")


async def _what_failed(engine: "Engine", root: "TreeNode") -> None:
    """The first failed or blocked tasks: how and why, with their last lines."""
    from engine.model import TaskState
    from tui.cli.draw import why_lines

    told = 0
    queue = [root]
    while queue and told < EXPLAINED:
        node = queue.pop(0)
        queue.extend(node.children)
        if not node.children and node.state in (TaskState.FAILED, TaskState.BLOCKED):
            told += 1
            for line in why_lines(await engine.why(node.id)):
                say(line)
