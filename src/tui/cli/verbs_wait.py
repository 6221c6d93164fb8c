"""The verb that waits for a state: for scripts that go on when something has happened."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import click

from engine.errors import EngineUnavailable, ExitCode, IllegalMove, Invalid
from tui.cli.call import Call, Ref, verb
from tui.cli.output import put, put_json, say
from tui.cli.session import connect_again, look, news

if TYPE_CHECKING:
    from engine.api import Engine, Update


class Stand(NamedTuple):
    """How a goal, task or run stands; `final`: it stays so."""

    ref: str
    state: str
    final: bool


class Length(click.ParamType[float]):
    """A length of time such as `90s` or `2h`, or plain seconds; becomes seconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from engine.units import parse_duration

        try:
            return float(value) if value.replace(".", "", 1).isdecimal() else parse_duration(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a length of time such as 90s", param, ctx)


@verb("wait")
@click.argument("ref", metavar="ID", type=Ref())
@click.option("--for", "wanted", required=True, metavar="STATE", help="A state of the goal, task or run.")
@click.option("--timeout", type=Length(), metavar="S", help="Give up after this long, with exit code 7.")
async def wait(call: Call, ref: str, wanted: str, timeout: float | None) -> ExitCode | None:
    """Wait until a goal, task or run is in a state.

    Exit code 0 as soon as it is, or was for a moment; 7 at the timeout; 4 when it has ended in another state that is
    final. Where no engine runs it waits for one and holds nothing meanwhile.
    """
    first = await _look(call, ref, wanted)
    try:
        async with asyncio.timeout(timeout):
            stand = await _reach(call, first, wanted)
    except TimeoutError:
        say(f"{first.ref} has not become {wanted}")
        return ExitCode.DEADLINE
    if call.as_json:
        put_json({"id": stand.ref, "state": stand.state})
    else:
        put(f"{stand.ref} is {stand.state}")
    return None


async def _reach(call: Call, stand: Stand, wanted: str) -> Stand:
    told = False
    while stand.state != wanted:
        if stand.final:
            raise IllegalMove(f"{stand.ref} is {stand.state}, which is final", details={"state": stand.state})
        engine = await connect_again(call, lost=True)  # it has answered before
        if engine is None:
            await news(call, told=told)
            told = True
            stand = await _look(call, stand.ref, wanted)
            continue
        try:
            stand = await _follow(engine, stand, wanted)
        except EngineUnavailable:
            stand = await _look(call, stand.ref, wanted)
        finally:
            await engine.close()
    return stand


async def _look(call: Call, ref: str, wanted: str) -> Stand:
    return await look(call, lambda engine: _stand(engine, ref, wanted))


async def _follow(engine: "Engine", stand: Stand, wanted: str) -> Stand:
    """Until it is there, or at an end; EngineUnavailable when the engine goes first."""
    async with aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]  # an async generator
        async for update in updates:
            if _passes(update, stand.ref, wanted):
                return Stand(stand.ref, wanted, False)
            if not _concerns(update, stand.ref):
                continue
            now = await _stand(engine, stand.ref, wanted)
            if now.state == wanted or now.final:
                return now
    raise EngineUnavailable("the engine ended the stream")


def _concerns(update: "Update", ref: str) -> bool:
    """A goal may begin to wait by what happens to any of its tasks; the rest is told of itself."""
    from engine.events import Event

    return not isinstance(update, Event) or ref in (update.goal, update.task, update.run)


def _passes(update: "Update", ref: str, wanted: str) -> bool:
    """Whether this very event says so: a state may be over before it can be asked for."""
    from engine.events import Event

    if not isinstance(update, Event) or update.data.get("state") != wanted:
        return False
    noun, subject = update.type.noun, {"goal": update.goal, "task": update.task, "run": update.run}
    return subject.get(noun) == ref


async def _stand(engine: "Engine", ref: str, wanted: str) -> Stand:
    """How it stands now; Invalid when it never has such a state."""
    from engine.errors import NotFound
    from engine.model import GoalState, RunState, TaskState

    if ref.startswith("g-") and "/" not in ref:
        _require(wanted, [*GoalState, "waiting"], "goal")
        found = (await engine.status(ref)).goals
        if not found:
            raise NotFound(f"no goal {ref}")
        [goal] = found
        word = "waiting" if goal.waiting and wanted == "waiting" else goal.state.value
        return Stand(goal.id, word, goal.state in (GoalState.DONE, GoalState.CANCELLED))
    if ref.startswith("r-"):
        _require(wanted, list(RunState), "run")
        run = await engine.run(ref)
        return Stand(run.id, run.state.value, run.state is RunState.ENDED)
    _require(wanted, list(TaskState), "task")
    task = await engine.task(ref)
    return Stand(task.id, task.state.value, task.state in (TaskState.CANCELLED, TaskState.SKIPPED))


def _require(wanted: str, states: list[str], noun: str) -> None:
    if wanted not in states:
        raise Invalid(f"a {noun} is never {wanted!r}", hint=f"one of {', '.join(states)}")
