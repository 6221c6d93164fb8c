"""A whole engine until nothing can go on by itself: 0, 1 or 5."""

import asyncio

import pytest
from goal_stage import GOAL, OTHER, GoalStage

from engine.api import WaitingOn
from engine.errors import ExitCode
from engine.events import Event, EventType
from engine.headless import until_idle
from engine.model import DecisionState, GoalState

FINAL = [GoalState.DONE, GoalState.FAILED, GoalState.CANCELLED]


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def add(stage: GoalStage, state: GoalState, exit_code: int | None = None) -> None:
    """A second goal beside the first."""
    changes = {"id": OTHER, "state": state, "exit_code": exit_code, "waiting": False, "waiting_on": ()}
    stage.goals[OTHER] = stage.goal.model_copy(update=changes)


@pytest.mark.parametrize("state", [*FINAL, GoalState.DRAFT, GoalState.PAUSED])
async def test_an_engine_with_nothing_to_do_is_idle_at_once(state: GoalState, stage: GoalStage) -> None:
    stage.turn(state=state)
    seen: list[Event] = []
    assert await until_idle(stage, seen.append) is ExitCode.DONE
    assert seen == []


async def test_no_goal_at_all_is_idle(stage: GoalStage) -> None:
    stage.goals.clear()
    assert await until_idle(stage, lambda _event: None) is ExitCode.DONE


@pytest.mark.parametrize(
    ("state", "given", "expected"),
    [
        (GoalState.DONE, None, 0),
        (GoalState.FAILED, None, 1),
        (GoalState.FAILED, 6, 6),
        (GoalState.CANCELLED, None, 0),
    ],
)
async def test_it_goes_on_until_the_last_goal_has_ended(
    state: GoalState, given: int | None, expected: int, stage: GoalStage
) -> None:
    seen: list[Event] = []
    add(stage, GoalState.FAILED)  # before this session: no concern of it
    idle = asyncio.ensure_future(until_idle(stage, seen.append))
    await settled()
    first = len(stage.stored)
    stage.emit(EventType.TASK_DONE)
    stage.emit(EventType.ENGINE_DEGRADED, None)
    await settled()
    assert not idle.done()
    stage.ends(state, given)
    assert await asyncio.wait_for(idle, 5) == expected
    assert seen == stage.stored[first:]


async def test_a_goal_that_waits_for_a_human_is_5_and_a_failure_counts_more(stage: GoalStage) -> None:
    stage.asks()
    assert await until_idle(stage, lambda _event: None) is ExitCode.GATE_PENDING
    before = len(stage.stored)
    add(stage, GoalState.FAILED)
    stage.emit(EventType.GOAL_ENDED, OTHER)
    assert await until_idle(stage, lambda _event: None) is ExitCode.GATE_PENDING
    assert await until_idle(stage, lambda _event: None, after=before) is ExitCode.TASK_FAILED


async def test_what_will_move_by_itself_is_not_idle(stage: GoalStage) -> None:
    seen: list[Event] = []
    timer = WaitingOn(kind="timer", id="t-0000000009", task="t-0000000009", label="tries again")
    stage.turn(waiting=True, waiting_on=(timer,))
    idle = asyncio.ensure_future(until_idle(stage, seen.append))
    await settled()
    assert not idle.done()
    stage.asks(state=DecisionState.STAGED)
    stage.turn(waiting_on=stage.goal.waiting_on[1:])
    stage.emit(EventType.DECISION_STAGED)
    await settled()
    assert not idle.done()
    stage.turn(state=GoalState.DRAINING)
    stage.emit(EventType.GOAL_DRAINING)
    await settled()
    assert not idle.done()
    stage.turn(state=GoalState.PAUSED)
    stage.emit(EventType.GOAL_PAUSED)
    assert await asyncio.wait_for(idle, 5) is ExitCode.DONE


async def test_failures_of_different_kinds_are_a_plain_failure(stage: GoalStage) -> None:
    idle = asyncio.ensure_future(until_idle(stage, lambda _event: None))
    await settled()
    add(stage, GoalState.FAILED, 7)
    stage.emit(EventType.GOAL_ENDED, OTHER)
    stage.ends(GoalState.FAILED, 6)
    assert await asyncio.wait_for(idle, 5) is ExitCode.TASK_FAILED


async def test_an_engine_that_stops_first_is_an_interruption(stage: GoalStage) -> None:
    idle = asyncio.ensure_future(until_idle(stage, lambda _event: None))
    await settled()
    await stage.close()
    assert await asyncio.wait_for(idle, 5) is ExitCode.INTERRUPTED
    assert GOAL in stage.goals
