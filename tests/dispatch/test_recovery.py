"""Restart, reconcile, stop and drain (R19-R21, R41, R91, R92, R97, R98)."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from scripted import Bench, goal_file

from engine.api import CreateGoal, StopMode
from engine.dispatch.claims import Limits, claim, mark_starting
from engine.dispatch.runs.insisting import store_asked
from engine.errors import Conflict, EngineRunning
from engine.events import EventType
from engine.ids import SafeName, random_id
from engine.model import ExitCause, GoalState, RunState, TaskState

Open = Callable[..., Awaitable[Bench]]


async def running(bench: Bench, *tasks: dict[str, object]) -> str:
    goal = await bench.goal(goal_file(*(tasks or ({"id": "long", "run": "hang"}, {"id": "next", "run": "exit 0"}))))
    await bench.until(goal.id, lambda _, states: "running" in states.values())
    return goal.id


async def test_r91_r92_a_living_sandbox_is_adopted_and_its_run_goes_on(opened: Open) -> None:
    first = await opened()
    goal = await running(first)
    (before,) = (await first.engine.task(f"{goal}/long")).runs
    await first.engine.close()
    assert list(first.driver.alive) == [before.sandbox]  # closing leaves it alone
    second = await opened()
    second.driver.finish()
    assert (await second.ended(goal)).state is GoalState.DONE
    (after,) = (await second.engine.task(f"{goal}/long")).runs
    assert (after.id, after.container_id, after.exit_code) == (before.id, before.container_id, 0)
    assert EventType.SANDBOX_ADOPTED in {event.type for event in await second.events()}


async def test_r92_ten_restarts_buy_no_run_and_no_retry(opened: Open) -> None:
    """One run lives over all of them, one failed before them and waits for its retry."""
    engine = await opened(retry_backoff=3600)
    group = {"id": "all", "order": "parallel", "tasks": [{"id": "long", "run": "hang"},
             {"id": "bad", "run": "exit 3", "retries": 5}]}  # fmt: skip
    goal = await running(engine, group)
    await engine.until(goal, lambda _, states: states["bad"] == "pending" and states["long"] == "running")
    runs = await ids_of_runs(engine, goal)
    started = list(engine.driver.specs)
    for _ in range(10):
        await engine.engine.close()
        engine = await opened(retry_backoff=3600)
        await engine.engine._parts.scheduler.at_rest()
        assert await ids_of_runs(engine, goal) == runs
    assert engine.driver.specs == started, "no sandbox was made anew"
    assert (await engine.engine.task(f"{goal}/bad")).state is TaskState.PENDING
    engine.driver.finish()
    await engine.until(goal, lambda _, states: states["long"] == "done")
    assert await ids_of_runs(engine, goal) == runs


async def ids_of_runs(bench: Bench, goal: str) -> list[str]:
    return [run.id for key in ("long", "bad") for run in (await bench.engine.task(f"{goal}/{key}")).runs]


async def test_r91_a_sandbox_that_vanished_ends_its_run_as_lost(opened: Open) -> None:
    first = await opened()
    goal = await running(first, {"id": "long", "run": "hang"})
    await first.engine.close()
    first.driver.alive.clear()
    second = await opened()
    await second.until(goal, lambda _, states: states["long"] == "running" and len(second.driver.specs) == 2)
    runs = (await second.engine.task(f"{goal}/long")).runs
    assert [run.cause for run in runs] == [ExitCause.LOST, None]
    second.driver.finish()
    await second.ended(goal)


@pytest.mark.parametrize(("cause", "by"), [("timeout", None), ("cancelled", "ada")])
async def test_r95_an_end_that_was_ordered_is_known_for_what_it_is_after_a_restart(
    opened: Open, cause: str, by: str | None
) -> None:
    first = await opened()
    goal = await running(first, {"id": "long", "run": "hang"})
    (run,) = (await first.engine.task(f"{goal}/long")).runs
    await store_asked(first.engine._parts.context.database, run.id, ExitCause(cause), by or "")
    await first.engine.close()
    await first.driver.stop(SafeName(run.sandbox), 0)  # carried out, and the engine died before it saw that
    second = await opened()
    await second.until(goal, lambda _, states: states["long"] in ("failed", "blocked"))
    task = await second.engine.task(f"{goal}/long")
    assert [run.cause for run in task.runs] == [ExitCause(cause)]
    if by is not None:
        (decision,) = await second.engine.decisions()
        assert "was killed by ada. Run it again?" in decision.question


@pytest.mark.parametrize("reached", [RunState.CREATED, RunState.STARTING])
async def test_r19_an_intent_without_a_sandbox_is_carried_out_once(opened: Open, reached: RunState) -> None:
    first = await opened()
    goal = await first.engine._admission.create(_request())
    database = first.engine._parts.context.database
    task = (await first.engine.task(f"{goal}/only")).id
    await database.write(lambda tx: tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal,)))
    engine = first.engine._parts.context.engine
    claimed = await database.write(partial(claim, task=task, limits=Limits(4), ids=random_id, engine=engine))
    if reached is RunState.STARTING:
        await database.write(lambda tx: mark_starting(tx, claimed.run.id))
    await first.engine.close()
    second = await opened()
    assert (await second.ended(goal)).state is GoalState.DONE
    (run,) = (await second.engine.task(f"{goal}/only")).runs
    assert run.id == claimed.run.id
    assert len(second.driver.specs) == 1


def _request() -> CreateGoal:
    return CreateGoal(source=goal_file({"id": "only", "run": "exit 0"}), path="/goals/goal.yaml", start=False)


async def test_r18_two_claims_of_one_task_one_wins(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}), start=False)
    context = bench.engine._parts.context
    await context.database.write(lambda tx: tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal.id,)))
    task = (await bench.engine.task(f"{goal.id}/only")).id
    unit = partial(claim, task=task, limits=Limits(100), ids=random_id, engine=context.engine)
    results = await asyncio.gather(*(context.database.write(unit) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7


async def test_r21_a_run_is_driven_by_one_owner(bench: Bench) -> None:
    goal = await running(bench)
    (live,) = list(bench.engine._parts.live)
    with pytest.raises(ValueError, match="driven already"):
        bench.engine._parts.live.start(live.claimed)
    bench.driver.finish()
    await bench.ended(goal)


async def test_r41_leftovers_of_ours_are_removed_at_start(opened: Open) -> None:
    first = await opened()
    await first.engine.close()
    first.driver.alive["ph-left-over"] = asyncio.Event()
    await opened()
    assert first.driver.alive == {}


async def test_r91_what_a_start_found_is_told(opened: Open) -> None:
    first = await opened()
    await running(first)
    await first.engine.close()
    first.driver.alive["ph-left-over"] = asyncio.Event()
    second = await opened()
    (told,) = [event for event in await second.events() if event.type is EventType.ENGINE_RECOVERED]
    assert told.data == {"continued": 1, "adopted": 1, "leftovers": 1, "blocked": 0}


async def test_a_cancel_that_was_stored_is_carried_out_after_a_restart(opened: Open) -> None:
    first = await opened()
    goal = await running(first)
    database = first.engine._parts.context.database
    await database.write(lambda tx: tx.run("UPDATE goals SET cancelling = 1, cause = 'enough' WHERE id = ?", (goal,)))
    await database.write(lambda tx: tx.run("UPDATE tasks SET cancelling = 1 WHERE goal = ?", (goal,)))
    await first.engine.close()
    second = await opened()
    assert (await second.ended(goal)).state is GoalState.CANCELLED
    await second.engine._parts.live.ended()
    assert second.driver.alive == {}


async def test_stop_ends_the_runs_and_leaves_their_tasks_pending(opened: Open) -> None:
    first = await opened()
    goal = await running(first)
    await first.engine.stop(StopMode.STOP)
    await first.engine.wait_stopped()
    assert first.driver.alive == {}
    task = await first.engine.task(f"{goal}/long")
    assert task.state is TaskState.PENDING
    assert task.runs[0].cause is ExitCause.CANCELLED
    assert task.failures == 0  # an operator's stop is no failure
    await first.engine.close()
    second = await opened()
    await second.until(goal, lambda _, states: states["long"] == "running")
    second.driver.finish()
    assert (await second.ended(goal)).state is GoalState.DONE


async def test_drain_finishes_what_runs_and_starts_nothing(bench: Bench) -> None:
    goal = await running(bench)
    await bench.engine.stop(StopMode.DRAIN)
    bench.driver.finish()
    await bench.engine.wait_stopped()
    states = await bench.states(goal)
    assert (states["long"], states["next"]) == ("done", "pending")
    assert len(bench.driver.specs) == 1


async def test_case_7_r99_a_second_engine_is_refused_and_told_who_holds_the_project(opened: Open) -> None:
    await opened()
    with pytest.raises(EngineRunning, match="pid"):
        await opened()
