"""One row that cannot be read breaks no list and no neighbour, and holds its own goal alone (R16)."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lasting_driver import LastingDriver

from engine.api import Answer, CreateGoal, Snapshot, TreeNode
from engine.errors import Unreadable
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DriverName, GoalState
from engine.settings import EngineSettings, Settings

SETTINGS = Settings(engine=EngineSettings(reconcile_interval=0.1, retry_backoff=0.01))
WRECKS = {
    "goals.policy": "UPDATE goals SET policy = '[7]' WHERE id = ?",
    "tasks.spec": "UPDATE tasks SET spec = '[7]' WHERE goal = ? AND key IN ('a', 'later')",
    "runs.last_lines": "UPDATE runs SET last_lines = '{\"a\": 1}' WHERE goal = ?",
    "decisions.options": "UPDATE decisions SET options = '[\"x\"]' WHERE goal = ?",
    "decisions.evidence": "UPDATE decisions SET evidence = '[7]' WHERE goal = ?",
}
Open = Callable[[], Awaitable[LocalEngine]]


@dataclass
class Wrecked:
    """A project with a damaged goal and its sound neighbour, both with a run and an open gate."""

    engine: LocalEngine
    damaged: str
    sound: str


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one() -> LocalEngine:
            drivers: Any = {DriverName.PROCESS: LastingDriver(project)}
            engine = await open_local(project, SETTINGS, drivers=drivers)
            stack.push_async_callback(engine.close)
            return engine

        yield open_one


async def begin(engine: LocalEngine) -> str:
    tasks = [{"id": "a", "run": "hang"}, {"id": "g", "gate": {"kind": "human_approval"}}]
    later = {"id": "later", "run": "exit 0", "needs": ["g"]}
    group = {"id": "all", "order": "parallel", "tasks": [*tasks, later]}
    source = json.dumps({"goal": "test", "runtime": "process", "tasks": [group]})
    goal = (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id
    await until(engine, goal, lambda states: states["a"] == "running" and states["g"] == "waiting")
    return goal


async def until(engine: LocalEngine, goal: str, holds: Callable[[dict[str, str]], bool]) -> None:
    async with asyncio.timeout(20), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            if holds(await states_of(engine, goal)):
                return


async def states_of(engine: LocalEngine, goal: str) -> dict[str, str]:
    found: dict[str, str] = {}
    stack: list[TreeNode] = [await engine.tree(goal)]
    while stack:
        node = stack.pop()
        found["goal" if node.kind == "goal" else node.key] = str(node.state)
        stack.extend(node.children)
    return found


async def wreck(opened: Open, project: Path, what: str) -> Wrecked:
    engine = await opened()
    damaged, sound = await begin(engine), await begin(engine)
    await engine.close()
    with sqlite3.connect(project / ".pilothouse" / "engine.db") as connection:
        assert connection.execute(WRECKS[what], (damaged,)).rowcount > 0
    connection.close()
    return Wrecked(await opened(), damaged, sound)


@pytest.mark.parametrize("what", WRECKS)
async def test_r16_every_list_shows_the_damaged_row_and_its_neighbours(opened: Open, project: Path, what: str) -> None:
    wrecked = await wreck(opened, project, what)
    engine = wrecked.engine
    goals = {goal.id: goal for goal in (await engine.status()).goals}
    assert set(goals) == {wrecked.damaged, wrecked.sound}
    assert {decision.goal for decision in await engine.decisions()} == set(goals)
    assert {sandbox.goal for sandbox in await engine.sandboxes()} == set(goals)
    assert (await engine.tree(wrecked.sound)).state is GoalState.ACTIVE
    assert (await engine.tree(wrecked.damaged)).id == wrecked.damaged
    async with aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        first = await anext(updates)
    assert isinstance(first, Snapshot)
    assert len(first.status.goals) == len(first.decisions) == len(first.sandboxes) == 2
    words = f"{first.model_dump_json()} {(await engine.info()).notices}"
    assert "unreadable" in words


@pytest.mark.parametrize("what", WRECKS)
async def test_r16_the_neighbour_goes_on_to_its_end(opened: Open, project: Path, what: str) -> None:
    wrecked = await wreck(opened, project, what)
    engine = wrecked.engine
    (gate,) = [decision for decision in await engine.decisions() if decision.goal == wrecked.sound]
    await engine.answer(gate.id, Answer(version=gate.version, answer=AnswerKind.APPROVE))
    await until(engine, wrecked.sound, lambda states: states["later"] == "done")
    await engine.cancel(f"{wrecked.sound}/a")
    await until(engine, wrecked.sound, lambda states: states["goal"] in ("done", "failed", "cancelled"))
    assert engine._parts.fatal is None


@pytest.mark.parametrize("what", ["goals.policy", "tasks.spec"])
async def test_r16_nothing_starts_in_the_damaged_goal_and_the_engine_says_so(
    opened: Open, project: Path, what: str
) -> None:
    wrecked = await wreck(opened, project, what)
    engine = wrecked.engine
    (gate,) = [decision for decision in await engine.decisions() if decision.goal == wrecked.damaged]
    await engine.answer(gate.id, Answer(version=gate.version, answer=AnswerKind.APPROVE))
    await until(engine, wrecked.damaged, lambda states: states["g"] == "done")
    async with asyncio.timeout(10):
        while not (notices := (await engine.info()).notices):  # noqa: ASYNC110 - the notice is no event
            await asyncio.sleep(0.02)
    assert f"nothing starts in {wrecked.damaged}" in notices[0]
    assert (await states_of(engine, wrecked.damaged))["later"] == "pending"
    assert engine._parts.fatal is None


@pytest.mark.parametrize(("what", "ref"), [("tasks.spec", "later"), ("runs.last_lines", "a")])
async def test_r16_asking_for_the_damaged_row_itself_is_a_clear_error(
    opened: Open, project: Path, what: str, ref: str
) -> None:
    wrecked = await wreck(opened, project, what)
    with pytest.raises(Unreadable, match="unreadable in the store"):
        await wrecked.engine.task(f"{wrecked.damaged}/{ref}")


@pytest.mark.parametrize("what", WRECKS)
async def test_r16_a_damaged_goal_can_be_cancelled(opened: Open, project: Path, what: str) -> None:
    wrecked = await wreck(opened, project, what)
    await wrecked.engine.cancel(wrecked.damaged)
    await until(wrecked.engine, wrecked.damaged, lambda states: set(states.values()) == {"cancelled"})
    assert {sandbox.goal for sandbox in await wrecked.engine.sandboxes()} == {wrecked.sound}
    assert {decision.goal for decision in await wrecked.engine.decisions()} == {wrecked.sound}
