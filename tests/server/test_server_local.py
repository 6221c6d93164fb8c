"""The control API over a real engine: real store, real dispatch, real processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest_asyncio

from engine.api import Answer, CreateGoal, DecisionView, Engine, LogQuery, StopMode
from engine.client import RemoteEngine
from engine.clock import SystemClock
from engine.errors import Conflict, ExitCode, Invalid, NotFound, PilothouseError, StaleVersion
from engine.events import Event, EventType
from engine.headless import OnGate, follow_goal, open_decisions, until_idle
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionState
from engine.server import serve
from engine.settings import load_settings

GOAL = """
goal: Ship it
tasks:
  - {id: build, run: "echo hello; echo trouble >&2"}
  - id: both
    order: parallel
    tasks:
      - id: why
        gate: {kind: human_approval, question: Ship it?}
      - {id: beside, run: "echo beside"}
  - {id: last, run: "echo bye"}
"""
APPROVE = Answer(version=1, answer=AnswerKind.APPROVE)


class NoonClock(SystemClock):
    """It is noon, so an age asked for twice is the same age."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)


async def opened(project: Path) -> LocalEngine:
    settings = load_settings(project / "pilothouse.toml", environ={}, flags={"sandbox.runtime": "process"})
    return await open_local(project, settings, clock=NoonClock())


@pytest_asyncio.fixture
async def local(project: Path) -> AsyncIterator[LocalEngine]:
    engine = await opened(project)
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def far(local: LocalEngine, project: Path) -> AsyncIterator[RemoteEngine]:
    path = project / ".pilothouse" / "engine.sock"
    async with serve(local, path):
        remote = await RemoteEngine.connect(f"unix:{path}")
        yield remote
        await remote.close()


async def to_the_gate(far: RemoteEngine, events: list[Event]) -> str:
    """A goal of its own, followed until only its gate is left."""
    before = (await far.info()).seq
    goal = await far.create_goal(CreateGoal(source=GOAL, allow_unconfined=True))
    code = await follow_goal(far, goal.id, emit=events.append, on_gate=OnGate.FAIL, after=before)
    assert code is ExitCode.GATE_PENDING
    return goal.id


async def cleared(local: LocalEngine, sandboxes: int) -> None:
    """So many have been cleared away, which is told behind the end of their tasks: from here on nothing is told."""
    async with asyncio.timeout(20), aclosing(local.subscribe(0)) as updates:  # type: ignore[type-var]
        async for update in updates:
            sandboxes -= isinstance(update, Event) and update.type is EventType.SANDBOX_REMOVED
            if not sandboxes:
                return


async def test_r129_a_goal_goes_to_its_gate_and_on_by_an_explicit_answer(far: RemoteEngine, local: LocalEngine) -> None:
    events: list[Event] = []
    goal = await to_the_gate(far, events)
    assert events == [event for event in await local.events() if event.goal == goal][: len(events)]
    ended = {event.data.get("key") for event in events if event.type is EventType.TASK_DONE}
    assert {"build", "beside"} <= ended, "what could run beside the gate has run"
    lines = [line.text async for line in far.follow(f"{goal}/build", LogQuery())]
    assert {"hello", "trouble"} <= set(lines)

    (decision,) = open_decisions((await far.status(goal)).goals[0])
    await far.answer(decision, APPROVE)
    idle = asyncio.ensure_future(until_idle(far, lambda _event: None, after=events[-1].seq))
    code = await follow_goal(far, goal, emit=events.append, on_gate=OnGate.FAIL, after=events[-1].seq)
    assert (code, await idle) == (ExitCode.DONE, ExitCode.DONE)
    # The last sandbox may be cleared away behind the goal's end.
    assert EventType.GOAL_ENDED in [event.type for event in events]
    assert events == [event for event in await local.events() if event.goal == goal][: len(events)]


async def test_two_clients_and_the_engine_say_the_same(far: RemoteEngine, local: LocalEngine) -> None:
    goal = await to_the_gate(far, [])
    await cleared(local, 2)
    (decision,) = await local.decisions()
    assert await far.status() == await local.status()
    assert await far.tree(goal) == await local.tree(goal)
    assert await far.task(f"{goal}/why") == await local.task(f"{goal}/why")
    assert await far.why(f"{goal}/why") == await local.why(f"{goal}/why")
    assert await far.decision(decision.id) == await local.decision(decision.id)
    assert list(await far.decisions()) == list(await local.decisions())
    assert await far.logs(f"{goal}/build", LogQuery(tail=1)) == await local.logs(f"{goal}/build", LogQuery(tail=1))
    assert list(await far.events(3, 5)) == list(await local.events(3, 5))


async def test_errors_are_the_engines_own(far: RemoteEngine, local: LocalEngine) -> None:
    goal = await to_the_gate(far, [])
    (decision,) = await local.decisions()
    stale = APPROVE.model_copy(update={"version": 99})
    calls: list[tuple[Callable[[Engine], Awaitable[object]], type[PilothouseError]]] = [
        (lambda engine: engine.task("../etc"), Invalid),
        (lambda engine: engine.task("t-zzz"), NotFound),
        (lambda engine: engine.task(f"{goal}/nothing"), NotFound),
        (lambda engine: engine.status("g-zzz"), NotFound),
        (lambda engine: engine.logs(f"{goal}/last", LogQuery()), NotFound),
        (lambda engine: engine.answer(decision.id, stale), StaleVersion),
        (lambda engine: engine.undo(decision.id), Conflict),
        (lambda engine: engine.create_goal(CreateGoal(source="goal: [")), Invalid),
    ]
    for call, expected in calls:
        said = [await refusal(call(far)), await refusal(call(local))]
        assert said[0] == said[1]
        assert issubclass(said[0][0], expected)


async def test_r73_many_answers_over_all_doors_have_one_winner(far: RemoteEngine, local: LocalEngine) -> None:
    await to_the_gate(far, [])
    (decision,) = await local.decisions()
    doors: list[Engine] = [far, local] * 10
    answers = [door.answer(decision.id, APPROVE.model_copy(update={"by": f"door {n}"})) for n, door in enumerate(doors)]
    outcomes = await asyncio.gather(*answers, return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, DecisionView)]
    assert len(winners) == 1
    assert winners[0].state in (DecisionState.ANSWERED, DecisionState.STAGED)
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome is not winners[0])


async def test_r98_an_engine_that_is_stopped_from_outside_ends_its_followers(project: Path) -> None:
    local = await opened(project)
    async with serve(local, project / ".pilothouse" / "engine.sock"):
        far = await RemoteEngine.connect(f"unix:{project / '.pilothouse' / 'engine.sock'}")
        goal = await to_the_gate(far, [])
        following = asyncio.ensure_future(follow_goal(local, goal, emit=lambda _event: None, on_gate=OnGate.WAIT))
        await far.stop(StopMode.STOP)
        await asyncio.wait_for(local.wait_stopped(), 10)
        await far.close()
    await local.close()
    assert await asyncio.wait_for(following, 5) is ExitCode.INTERRUPTED


async def refusal(work: Awaitable[object]) -> tuple[type[PilothouseError], str, str, dict[str, object]]:
    try:
        await work
    except PilothouseError as error:
        return type(error), error.message, error.hint, error.details
    raise AssertionError("it was not refused")
