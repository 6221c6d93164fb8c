"""A gate whose specification cannot be read holds its own task, and nobody else's (R16)."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lasting_driver import LastingDriver

from engine.api import Answer, CreateGoal, Signal
from engine.clock import SystemClock
from engine.errors import Unreadable
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DriverName, GateKind, SignalStatus, TaskState
from engine.settings import EngineSettings, GithubSettings, Settings

SETTINGS = Settings(
    engine=EngineSettings(reconcile_interval=3600, undo_window=60),
    github=GithubSettings(api_url="http://127.0.0.1:1", poll_interval=0.02),  # refuses at once
)
CI: dict[str, object] = {"kind": "gh_ci", "repo": "o/r", "pr": 12}
HOOK: dict[str, object] = {"kind": "webhook", "name": "deployed"}
BOTH: dict[str, object] = {"kind": "all", "gates": [HOOK, {"kind": "human_approval"}]}
Open = Callable[[], Awaitable[LocalEngine]]


class Jumping(SystemClock):
    """The true time until it is set ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> Jumping:
    return Jumping()


@pytest.fixture
async def opened(project: Path, clock: Jumping) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one() -> LocalEngine:
            drivers: Any = {DriverName.PROCESS: LastingDriver(project)}
            engine = await open_local(project, SETTINGS, clock=clock, drivers=drivers)
            stack.push_async_callback(engine.close)
            return engine

        yield open_one


async def begin(engine: LocalEngine, gate: dict[str, object]) -> str:
    tasks = [{"id": "gate", "gate": gate}, {"id": "after", "run": "exit 0"}]
    source = json.dumps({"goal": "test", "runtime": "process", "tasks": tasks})
    goal = (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id
    await until(engine, goal, "gate", TaskState.WAITING)
    return goal


async def until(engine: LocalEngine, goal: str, key: str, state: TaskState) -> None:
    async with asyncio.timeout(20), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            if (await engine.task(f"{goal}/{key}")).state is state:
                return


async def wrecked(opened: Open, project: Path, gate: dict[str, object], kind: str) -> tuple[LocalEngine, str, str]:
    """An engine over a goal whose gate of this kind is damaged, and one whose gate is sound."""
    engine = await opened()
    damaged, sound = await begin(engine, gate), await begin(engine, gate)
    await engine.close()
    with sqlite3.connect(project / ".pilothouse" / "engine.db") as connection:
        changed = connection.execute("UPDATE gates SET spec = '[7]' WHERE goal = ? AND kind = ?", (damaged, kind))
        assert changed.rowcount == 1
    connection.close()
    return await opened(), damaged, sound


def signal(kind: str, **more: object) -> Signal:
    return Signal.model_validate({"type": kind, "status": SignalStatus.PASS, "by": "test", "via": "test", **more})


async def gate_of(engine: LocalEngine, goal: str, kind: str) -> str:
    rows = await engine._parts.context.database.all("SELECT id FROM gates WHERE goal = ? AND kind = ?", (goal, kind))
    return str(rows[0]["id"])


async def test_r16_a_watch_that_cannot_be_read_ends_alone_and_the_others_are_asked_about(
    opened: Open, project: Path
) -> None:
    engine, damaged, sound = await wrecked(opened, project, CI, GateKind.GH_CI)
    watched = "SELECT g.goal, w.failures FROM watches w JOIN gates g ON g.id = w.gate"
    async with asyncio.timeout(10):
        while [row["goal"] for row in await engine._parts.context.database.all(watched)] != [sound]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a watch that ends is no event
    await engine.signal(signal("gh_ci", repo="o/r", pr=12, gate=await gate_of(engine, sound, "gh_ci")))
    await until(engine, sound, "after", TaskState.DONE)
    assert engine._parts.fatal is None
    assert (await engine.task(f"{damaged}/gate")).state is TaskState.WAITING
    await engine.cancel(damaged)
    assert (await engine.task(f"{damaged}/gate")).state is TaskState.CANCELLED


@pytest.mark.parametrize(("gate", "broken"), [(CI, "gh_ci"), (BOTH, "all")])
async def test_r16_a_signal_reaches_every_other_gate_that_it_fits(
    opened: Open, project: Path, gate: dict[str, object], broken: str
) -> None:
    engine, damaged, sound = await wrecked(opened, project, gate, broken)
    said = {"repo": "o/r", "pr": 12} if gate is CI else {"name": "deployed"}
    kind = "gh_ci" if gate is CI else "webhook"
    outcome = await engine.signal(signal(kind, **said))
    if gate is BOTH:
        assert outcome.matched == (await gate_of(engine, sound, kind),)
    assert await gate_of(engine, damaged, kind) not in outcome.matched
    stale = [event for event in await engine.events() if event.type == "signal.stale"]
    assert [event.goal for event in stale if "unreadable" in str(event.data["why"])] == [damaged]


async def test_r16_an_answer_inside_a_damaged_gate_is_taken_back_and_the_engine_goes_on(
    opened: Open, project: Path, clock: Jumping
) -> None:
    engine, damaged, sound = await wrecked(opened, project, BOTH, GateKind.ALL)
    decisions = {decision.goal: decision for decision in await engine.decisions()}
    hook = await gate_of(engine, damaged, "webhook")
    with pytest.raises(Unreadable, match="unreadable in the store"):
        await engine.signal(signal("webhook", gate=hook))
    at_once = Answer(version=decisions[damaged].version, answer=AnswerKind.APPROVE)
    with pytest.raises(Unreadable, match="unreadable in the store"):
        await engine.answer(decisions[damaged].id, at_once)
    for goal in (damaged, sound):
        version = (await engine.decision(decisions[goal].id)).decision.version
        later = Answer(version=version, answer=AnswerKind.APPROVE, undoable=True)
        assert (await engine.answer(decisions[goal].id, later)).state == "staged"
    clock.ahead = timedelta(minutes=2)
    engine._parts.scheduler.look_again()
    await engine.signal(signal("webhook", name="deployed"))
    await until(engine, sound, "after", TaskState.DONE)
    async with asyncio.timeout(10):
        while (await engine.decision(decisions[damaged].id)).decision.state != "pending":  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # what is taken back is no event
    assert engine._parts.fatal is None
    assert (await engine.task(f"{damaged}/gate")).state is TaskState.WAITING


async def test_r16_a_deadline_inside_a_damaged_gate_fires_no_more(opened: Open, project: Path) -> None:
    timed = {"kind": "all", "gates": [{"kind": "timer", "wait": "1s"}, {"kind": "human_approval"}]}
    engine, damaged, sound = await wrecked(opened, project, timed, GateKind.ALL)
    (decision,) = [one for one in await engine.decisions() if one.goal == sound]
    await engine.answer(decision.id, Answer(version=decision.version, answer=AnswerKind.APPROVE))
    await until(engine, sound, "after", TaskState.DONE)
    rows = "SELECT deadline FROM gates WHERE goal = ? AND kind = 'timer'"
    async with asyncio.timeout(10):
        while (await engine._parts.context.database.all(rows, (damaged,)))[0]["deadline"] is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a deadline that is dropped is no event
    assert engine._parts.fatal is None
