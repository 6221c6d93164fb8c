"""A cancel at every point of a run: nothing starts, nothing opens, everything ends, the neighbour is untouched
(R95, R96, cases 14 and 15)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from scripted import Bench, goal_file

from engine.api import Answer, GoalOrder, SandboxOrder, StopMode
from engine.dispatch.runs import keeping
from engine.events import EventType
from engine.model import AnswerKind, GoalState, TaskState
from engine.store import named_queries

Open = Callable[..., Awaitable[Bench]]
RUNS = named_queries("runs")
BEGINS = (EventType.TASK_CLAIMED, EventType.RUN_CREATED, EventType.SANDBOX_CREATED, EventType.GATE_OPENED,
          EventType.DECISION_OPENED, EventType.TASK_DONE)  # fmt: skip
LATER = {"id": "later", "run": "hang later"}


@dataclass
class Stage:
    """A bench, and what has to happen after the cancel for the point to be passed."""

    bench: Bench
    patch: pytest.MonkeyPatch
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def goal(self, task: dict[str, object]) -> str:
        return (await self.bench.goal(goal_file({"id": "it"} | task, LATER))).id

    async def reached(self, goal: str, state: TaskState) -> str:
        await self.bench.until(goal, lambda _, states: states["it"] == state)
        return goal


async def draft(stage: Stage) -> str:
    return (await stage.bench.goal(goal_file({"id": "it", "run": "hang"}, LATER), start=False)).id


async def retry_delay(stage: Stage) -> str:
    goal = await stage.goal({"run": "exit 1", "retries": 3})
    await stage.bench.waiting(goal, "timer")
    return goal


async def starting(stage: Stage) -> str:
    stage.bench.driver.slow_start = stage.release
    goal = await stage.goal({"run": "hang"})
    return await stage.reached(goal, TaskState.CLAIMED)


async def running(stage: Stage) -> str:
    return await stage.reached(await stage.goal({"run": "hang"}), TaskState.RUNNING)


async def frozen(stage: Stage) -> str:
    goal = await running(stage)
    (box,) = [box for box in await stage.bench.engine.sandboxes() if box.goal == goal]
    await stage.bench.engine.order_sandbox(box.name, SandboxOrder.FREEZE)
    return goal


async def between_exit_and_its_record(stage: Stage) -> str:
    reached, keep_work = asyncio.Event(), keeping.keep_work

    async def held(*words: Any) -> Any:
        reached.set()
        await stage.release.wait()
        return await keep_work(*words)

    stage.patch.setattr("engine.dispatch.runs.keeping.keep_work", held)
    goal = await stage.goal({"run": "exit 0"})
    await reached.wait()
    return goal


async def review(stage: Stage) -> str:
    return await stage.reached(await stage.goal({"run": "exit 0", "requires_approval": True}), TaskState.REVIEW)


async def blocked(stage: Stage) -> str:
    return await stage.reached(await stage.goal({"run": "refuse"}), TaskState.BLOCKED)


async def gate(stage: Stage) -> str:
    return await stage.reached(await stage.goal({"gate": {"kind": "human_approval"}}), TaskState.WAITING)


async def staged_answer(stage: Stage) -> str:
    goal = await gate(stage)
    (asked,) = [decision for decision in await stage.bench.engine.decisions() if decision.goal == goal]
    answer = Answer(version=asked.version, answer=AnswerKind.APPROVE, undoable=True)
    await stage.bench.engine.answer(asked.id, answer)
    return goal


async def paused(stage: Stage) -> str:
    goal = await running(stage)
    await stage.bench.engine.order_goal(goal, GoalOrder.PAUSE)
    return goal


async def draining(stage: Stage) -> str:
    goal = await running(stage)
    await stage.bench.engine.order_goal(goal, GoalOrder.DRAIN)
    return goal


POINTS = [draft, retry_delay, starting, running, frozen, between_exit_and_its_record, review, blocked, gate,
          staged_answer, paused, draining]  # fmt: skip
SETTINGS = {"retry_backoff": 600.0, "infra_retries": 0, "undo_window": 300.0}


async def neighbour_of(bench: Bench) -> str:
    goal = (await bench.goal(goal_file({"id": "it", "run": "hang neighbour"}))).id
    await bench.until(goal, lambda _, states: states["it"] == "running")
    return goal


async def nothing_is_left(bench: Bench, goal: str, since: int) -> None:
    database = bench.engine._parts.context.database
    assert set((await bench.states(goal)).values()) == {"cancelled"}
    assert [row["id"] for row in await database.all(RUNS["live"]) if row["goal"] == goal] == []
    assert [decision.id for decision in await bench.engine.decisions() if decision.goal == goal] == []
    begun = [event for event in await bench.events() if event.seq > since and event.goal == goal]
    assert [event.type for event in begun if event.type in BEGINS] == []


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
async def test_r96_case_15_a_cancel_at_any_point_ends_the_goal_and_leaves_its_neighbour(
    opened: Open, monkeypatch: pytest.MonkeyPatch, point: Callable[[Stage], Awaitable[str]]
) -> None:
    bench = await opened(**SETTINGS)
    neighbour = await neighbour_of(bench)
    stage = Stage(bench, monkeypatch)
    goal = await point(stage)
    await bench.engine.cancel(goal, "enough")
    since = bench.engine._parts.context.database.last_seq
    stage.release.set()
    assert (await bench.ended(goal)).state is GoalState.CANCELLED
    await nothing_is_left(bench, goal, since)
    for live in list(bench.engine._parts.live):
        if live.claimed.goal.id == goal:
            await bench.engine._parts.live.gone(live.id)
    assert [bench.driver.command(name) for name in bench.driver.alive] == ["hang neighbour"]
    assert (await bench.states(neighbour))["it"] == "running"
    bench.driver.finish("hang neighbour")
    assert (await bench.ended(neighbour)).state is GoalState.DONE


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
async def test_r96_r97_case_15_a_cancel_and_a_stop_right_behind_it_leave_nothing_for_the_next_engine(
    opened: Open, monkeypatch: pytest.MonkeyPatch, point: Callable[[Stage], Awaitable[str]]
) -> None:
    first = await opened(**SETTINGS)
    neighbour = await neighbour_of(first)
    stage = Stage(first, monkeypatch)
    goal = await point(stage)
    await first.engine.cancel(goal, "enough")
    since = first.engine._parts.context.database.last_seq
    await first.engine.stop(StopMode.STOP)
    stage.release.set()
    async with asyncio.timeout(20):
        await first.engine.wait_stopped()
    assert first.driver.alive == {}
    assert await first.engine._parts.context.database.all(RUNS["live"]) == []
    await first.engine.close()
    started = len(first.driver.specs)
    second = await opened(**SETTINGS)
    await second.until(neighbour, lambda _, states: states["it"] == "running")
    await nothing_is_left(second, goal, since)
    assert [spec.argv[-1] for spec in second.driver.specs[started:]] == ["hang neighbour"]
    assert (await second.engine.status(goal)).goals[0].state is GoalState.CANCELLED
