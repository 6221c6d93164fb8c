"""The loss of many runs at once is one event: dispatch pauses, one decision, no retries spent (R36, R100)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from falling_machine import FallingMachine, breaker_is, leaves, question, running, tried
from scripted import Bench, goal_file

from engine.api import Answer
from engine.dispatch.limits.outage import stored
from engine.events import EventType
from engine.local.opening import open_local
from engine.model import (
    AnswerKind,
    BreakerState,
    DecisionKind,
    DriverName,
    ExitCause,
    GoalState,
    TaskState,
)
from engine.settings import EngineSettings, Settings

OPEN, CLOSED = BreakerState.OPEN, BreakerState.CLOSED
Open = Callable[..., Awaitable[Bench]]


@pytest.fixture
def machine(project: Path) -> FallingMachine:
    return FallingMachine(root=project)


@pytest.fixture
async def opened(project: Path, machine: FallingMachine) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(**engine: object) -> Bench:
            values = {"retry_backoff": 0.01, "reconcile_interval": 3600, "max_parallel": 8, "breaker_backoff": 0.02}
            settings = Settings(engine=EngineSettings.model_validate(values | engine))
            local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: machine})
            stack.push_async_callback(local.close)
            return Bench(local, machine)

        yield open_one


async def fallen(bench: Bench, machine: FallingMachine, count: int = 8) -> str:
    """A goal whose runs have all been lost at once."""
    goal = await bench.goal(goal_file(*leaves(count)))
    await bench.until(goal.id, running(count))
    machine.fall()
    await bench.until(goal.id, lambda _, states: set(states.values()) == {"pending"})
    return goal.id


async def test_r36_eight_runs_lost_at_once_are_one_event_and_spend_no_retry(
    opened: Open, machine: FallingMachine
) -> None:
    bench = await opened(breaker_backoff=600, retry_backoff=600)
    goal = await fallen(bench, machine)
    info = await bench.engine.info()
    assert info.breaker is OPEN
    assert "dispatch is paused" in info.notices[0]
    found = await question(bench)
    assert [d.id for d in await bench.engine.decisions()] == [found.id]
    assert found.options == (AnswerKind.APPROVE, AnswerKind.REJECT)
    tasks = [await bench.engine.task(f"{goal}/t{n}") for n in range(8)]
    assert {(task.state, task.failures, len(task.runs)) for task in tasks} == {(TaskState.PENDING, 0, 1)}
    assert {run.cause for task in tasks for run in task.runs} == {ExitCause.LOST}
    rows = await bench.engine._parts.context.database.all("SELECT infra_failures FROM tasks")
    assert {row["infra_failures"] for row in rows} == {0}
    why = await bench.engine.why(f"{goal}/t7")
    assert any("dispatch is paused" in reason for reason in why.reasons)
    degraded = [e for e in await bench.events() if e.type is EventType.ENGINE_DEGRADED]
    assert len(degraded) == 1
    assert machine.tried == 0


async def test_r36_a_daemon_that_is_away_is_an_outage_by_itself(opened: Open, machine: FallingMachine) -> None:
    bench = await opened(infra_retries=0)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}), start=False)
    machine.down = machine.silent = True
    await bench.engine.start_goal(goal.id)
    await tried(bench, machine, 3)
    assert (await question(bench)).task_key == "only"
    assert (await bench.engine.task(f"{goal.id}/only")).failures == 0
    machine.down = machine.silent = False
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert await bench.engine.decisions() == []


async def test_r36_who_was_asked_about_one_of_them_first_need_not_be_any_more(
    opened: Open, machine: FallingMachine
) -> None:
    bench = await opened(breaker_backoff=600, infra_retries=0)
    await fallen(bench, machine)
    kinds = [decision.kind for decision in await bench.engine.decisions()]
    assert kinds == [DecisionKind.INFRASTRUCTURE]


async def test_r100_one_probe_at_a_time_and_the_first_that_holds_closes_it(
    opened: Open, machine: FallingMachine
) -> None:
    bench = await opened()
    goal = await fallen(bench, machine)
    asked = await question(bench)
    await tried(bench, machine, 3)
    assert (await question(bench)).id == asked.id  # a lost probe asks nothing anew
    started = len(machine.specs)
    machine.down = False
    await breaker_is(bench, BreakerState.HALF_OPEN)
    await bench.until(goal, lambda _, states: "running" in [states[f"t{n}"] for n in range(8)])
    assert len(machine.specs) == started + 1
    machine.finish()
    await breaker_is(bench, CLOSED)
    assert await bench.engine.decisions() == []
    await bench.until(goal, lambda _, states: list(states.values()).count("running") == 8)  # the group and the rest
    machine.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert EventType.ENGINE_RECOVERED in {event.type for event in await bench.events()}
    assert (await bench.engine.info()).notices == ()


async def test_r100_a_probe_that_lives_on_has_held_after_the_window(opened: Open, machine: FallingMachine) -> None:
    bench = await opened(breaker_window=1.0)
    goal = await fallen(bench, machine)
    machine.down = False
    await bench.until(goal, running(8))  # nothing of it has ended: time alone let the others follow
    assert (await bench.engine.info()).breaker is CLOSED
    machine.finish()
    await bench.ended(goal)


async def test_r100_approve_goes_on_at_once(opened: Open, machine: FallingMachine) -> None:
    bench = await opened(breaker_backoff=600)
    goal = await fallen(bench, machine)
    machine.down = False
    asked = await question(bench)
    await bench.engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))
    await bench.until(goal, running(8))
    assert (await bench.engine.info()).breaker is CLOSED
    machine.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r100_reject_stays_paused_and_asks_no_more(opened: Open, machine: FallingMachine) -> None:
    bench = await opened(breaker_backoff=600, retry_backoff=600)
    await fallen(bench, machine)
    asked = await question(bench)
    answer = Answer(version=asked.version, answer=AnswerKind.REJECT, feedback="the disk is being replaced")
    await bench.engine.answer(asked.id, answer)
    assert (await bench.engine.info()).breaker is OPEN
    assert await bench.engine.decisions() == []
    assert machine.tried == 0


async def test_r100_an_open_breaker_survives_the_engine(opened: Open, machine: FallingMachine) -> None:
    first = await opened(breaker_backoff=600, retry_backoff=600)
    goal = await fallen(first, machine)
    asked = await question(first)
    await first.engine.close()
    second = await opened(breaker_backoff=600)
    info = await second.engine.info()
    assert info.breaker is OPEN
    assert "dispatch is paused" in info.notices[0]
    assert (await question(second)).id == asked.id
    assert set((await second.states(goal)).values()) == {"pending"}
    assert machine.tried == 0


async def test_r36_all_sandboxes_gone_at_a_start_are_one_event(opened: Open, machine: FallingMachine) -> None:
    first = await opened()
    goal = await first.goal(goal_file(*leaves(8)))
    await first.until(goal.id, running(8))
    await first.engine.close()
    machine.fall()
    second = await opened(breaker_backoff=600)
    await second.until(goal.id, lambda _, states: set(states.values()) == {"pending"})
    assert [d.kind for d in await second.engine.decisions()] == [DecisionKind.INFRASTRUCTURE]
    rows = await second.engine._parts.context.database.all("SELECT infra_failures FROM tasks")
    assert {row["infra_failures"] for row in rows} == {0}


async def test_r96_the_question_ends_with_its_goal_and_the_probe_goes_on_elsewhere(
    opened: Open, machine: FallingMachine
) -> None:
    bench = await opened()
    goal = await fallen(bench, machine)
    asked = await question(bench)
    await bench.engine.cancel(f"{goal}/{asked.task_key}")
    assert (await question(bench)).id == asked.id  # it is not about the task that it stands at
    other = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    await bench.engine.cancel(goal)
    await bench.ended(goal)
    assert goal not in {decision.goal for decision in await bench.engine.decisions()}
    machine.down = False
    assert (await bench.ended(other.id)).state is GoalState.DONE
    breaker = await bench.engine._parts.context.database.read(stored)
    assert breaker.state is CLOSED


async def test_r100_a_probe_that_is_cancelled_leaves_its_place_to_the_next(
    opened: Open, machine: FallingMachine
) -> None:
    bench = await opened()
    goal = await fallen(bench, machine, 3)
    machine.down = False
    await bench.until(goal, lambda _, states: "running" in [states[f"t{n}"] for n in range(3)])
    first = next(key for key, state in (await bench.states(goal)).items() if state == "running" and key != "all")
    await bench.engine.cancel(f"{goal}/{first}")
    others = [f"t{n}" for n in range(3) if f"t{n}" != first]
    await bench.until(goal, lambda _, states: "running" in [states[key] for key in others])
    assert (await bench.states(goal))[first] == "cancelled"
    assert [(await bench.states(goal))[key] for key in others].count("running") == 1  # and again one alone
