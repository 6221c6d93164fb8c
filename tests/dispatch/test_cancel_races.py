"""A cancel or a stop that is stored between a claim, or an adoption, and the start of its run is not lost
(R24, R96, R97, cases 14 and 15)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest
from scripted import Bench, goal_file
from yard import Yard, git, write

from engine.api import GoalOrder, StopMode
from engine.dispatch.claims import CapReached, Claimed
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.gates.ready import open_ready_gates
from engine.dispatch.orders.cancel import cancel_goal, cancel_task
from engine.dispatch.orders.whole_goal import order_goal
from engine.dispatch.recovery.reconcile import _unended
from engine.dispatch.tree.graph import Graph
from engine.model import ExitCause, GoalState, RunState, TaskState
from engine.store import Database, Tx, named_queries
from engine.store.rows import goal_from, run_from, task_from

Open = Callable[..., Awaitable[Bench]]
RUNS = named_queries("runs")


def goal_of(tx: Tx, task: str) -> str:
    return str(tx.all("SELECT goal FROM tasks WHERE id = ?", (task,))[0]["goal"])


def behind_the_claim(bench: Bench, monkeypatch: pytest.MonkeyPatch, then: Callable[[Tx, str], object]) -> None:
    """Store `then` in the group of the next claim, right behind it: nobody has heard of the claim yet."""
    database = bench.engine._parts.context.database
    write, write_all = database.write, database.write_all

    async def both(units: Any) -> Any:
        if not units:
            return await write_all(units)
        monkeypatch.setattr(database, "write_all", write_all)
        claiming = asyncio.ensure_future(write_all(units))
        other = asyncio.ensure_future(write(lambda tx: then(tx, units[0].one.task)))
        await asyncio.wait({claiming, other})
        await other
        return await claiming

    monkeypatch.setattr(database, "write_all", both)


async def test_r3_a_goal_that_ends_or_stands_still_right_behind_the_look_at_its_tree_is_not_taken_up(
    bench: Bench,
) -> None:
    database, scheduler = bench.engine._parts.context.database, bench.engine._parts.scheduler
    ended, paused = [
        (await bench.goal(goal_file({"id": "ok", "gate": {"kind": "timer", "wait": "1h"}}))).id for _ in "12"
    ]
    for goal in (ended, paused):
        await bench.until(goal, lambda _, states: states["ok"] == "waiting")
    async with scheduler._passing:
        await asyncio.gather(
            scheduler.add_goal(ended),
            database.write(lambda tx: cancel_goal(tx, ended, "enough")),
            scheduler.add_goal(paused),
            database.write(lambda tx: order_goal(tx, paused, GoalOrder.PAUSE, "me")),
        )
    assert ended not in scheduler._graphs
    assert not {ended, paused} & scheduler._active


async def test_r24_r96_a_goal_cancelled_with_its_claim_starts_nothing_and_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind_the_claim(bench, monkeypatch, lambda tx, task: cancel_goal(tx, goal_of(tx, task), "enough"))
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    assert (await bench.ended(goal.id)).state is GoalState.CANCELLED
    assert bench.driver.specs == []


async def test_r24_r96_a_task_cancelled_with_its_claim_starts_nothing_and_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind_the_claim(bench, monkeypatch, lambda tx, task: cancel_task(tx, task, "enough"))
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["only"] == "cancelled")
    assert bench.driver.specs == []


async def test_r24_r96_a_merge_cancelled_with_its_claim_merges_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.driver.work = write
    goal = await yard.goal_of({"id": "first", "run": "hang"}, {"id": "last", "merge": {"into": "main"}})
    await yard.until(goal, lambda _, states: states["first"] == "running")
    before = git(yard.project / "operator", "rev-parse", "main")
    behind_the_claim(yard, monkeypatch, lambda tx, task: cancel_task(tx, task, "enough"))
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["last"] == "cancelled")
    (run,) = (await yard.engine.task(f"{goal}/last")).runs
    assert run.cause is ExitCause.CANCELLED
    assert git(yard.project / "operator", "rev-parse", "main") == before


async def test_r24_r96_a_task_that_is_not_needed_any_more_as_it_is_claimed_starts_nothing(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await opened(max_parallel=1)
    context = bench.engine._parts.context
    policy = Policy(context.settings.engine, context.ids, context.random)
    tasks = [{"id": "winner", "run": "hang winner", "priority": 5}, {"id": "loser", "run": "hang loser"}]
    goal = await bench.goal(
        goal_file({"id": "one", "order": "parallel", "require": "any", "tasks": tasks}), start=False
    )

    def winner_ends(tx: Tx, loser: str) -> None:
        for row in tx.all(RUNS["live"]):
            run = run_from(row)
            if run.task != loser:
                end_run(tx, run, Ending(ExitCause.EXIT, "done", exit_code=0), policy)

    await bench.engine.start_goal(goal.id)
    await bench.until(goal.id, lambda _, states: states["winner"] == "running")
    behind_the_claim(bench, monkeypatch, winner_ends)
    object.__setattr__(context.settings.engine, "max_parallel", 2)
    bench.engine._parts.scheduler._wake.set()
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert (await bench.states(goal.id))["loser"] == "cancelled"
    assert [spec.argv[-1] for spec in bench.driver.specs] == ["hang winner"]
    bench.driver.finish("hang winner")


async def test_r24_r96_a_cancel_between_the_read_of_a_living_run_and_its_adoption_ends_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await opened()
    goal = await first.goal(goal_file({"id": "only", "run": "hang"}))
    await first.until(goal.id, lambda _, states: states["only"] == "running")
    await first.engine.close()
    write = Database.write

    async def cancelled_behind(self: Database, unit: Any) -> Any:
        result = await write(self, unit)
        if unit is _unended:
            await write(self, lambda tx: cancel_goal(tx, goal.id, "enough"))
        return result

    monkeypatch.setattr(Database, "write", cancelled_behind)
    second = await opened()
    assert (await second.ended(goal.id)).state is GoalState.CANCELLED
    await second.engine._parts.live.ended()
    assert second.driver.alive == {}


async def test_r24_a_run_that_ended_before_it_was_driven_again_is_left_alone(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    await bench.ended(goal.id)
    live = bench.engine._parts.live
    await live.ended()
    database = bench.engine._parts.context.database
    (run,) = [run_from(row) for row in await database.all("SELECT * FROM runs")]
    before = database.last_seq
    (task,) = await database.all("SELECT * FROM tasks WHERE id = ?", (run.task,))
    (row,) = await database.all("SELECT * FROM goals")
    as_read = run.model_copy(update={"state": RunState.CREATED, "ended_at": None})
    live.start(Claimed(goal_from(row), task_from(task), as_read))
    await live.ended()
    assert len(bench.driver.specs) == 1
    assert database.last_seq == before


@pytest.mark.parametrize("before_the_commit", [True, False])
@pytest.mark.parametrize("other", [True, False])
async def test_r97_r98_a_stop_while_a_task_is_claimed_waits_for_it_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, before_the_commit: bool, other: bool
) -> None:
    if other:
        runs_already = await bench.goal(goal_file({"id": "other", "run": "hang other"}))
        await bench.until(runs_already.id, lambda _, states: states["other"] == "running")
    database, live = bench.engine._parts.context.database, bench.engine._parts.live
    write_all = database.write_all

    async def stopped_meanwhile(units: Any) -> Any:
        if not units:
            return await write_all(units)
        if before_the_commit:
            await bench.engine.stop(StopMode.STOP)
            for _ in range(50):  # whoever does not wait for this pass is told that the engine has stopped
                await asyncio.sleep(0)
        results = await write_all(units)
        if not before_the_commit:
            await bench.engine.stop(StopMode.STOP)
        return results

    monkeypatch.setattr(database, "write_all", stopped_meanwhile)
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    async with asyncio.timeout(10):
        await bench.engine.wait_stopped()
    assert len(live) == 0
    assert await database.all(RUNS["live"]) == []
    assert bench.driver.alive == {}
    assert (await bench.states(goal.id))["only"] == "pending"
    assert "hang" not in [spec.argv[-1] for spec in bench.driver.specs]


async def test_r98_a_drain_waits_for_the_run_that_is_being_claimed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = bench.engine._parts.context.database
    write_all = database.write_all

    async def drained_meanwhile(units: Any) -> Any:
        if units:
            await bench.engine.stop(StopMode.DRAIN)
        return await write_all(units)

    monkeypatch.setattr(database, "write_all", drained_meanwhile)
    tasks = [{"id": "first", "run": "exit 0"}, {"id": "second", "run": "exit 0"}]
    goal = await bench.goal(goal_file(*tasks))
    async with asyncio.timeout(10):
        await bench.engine.wait_stopped()
    states = await bench.states(goal.id)
    assert (states["first"], states["second"]) == ("done", "pending")
    assert await database.all(RUNS["live"]) == []


async def test_r97_a_draining_engine_claims_nothing_after_it_opened_its_gates(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = bench.engine._parts.scheduler

    async def drained_meanwhile(context: Context, goals: Iterable[str], graphs: Mapping[str, Graph]) -> int:
        opened = await open_ready_gates(context, goals, graphs)
        if any(graph.ready_ids() for graph in scheduler._graphs.values()):
            await bench.engine.stop(StopMode.DRAIN)
        return opened

    monkeypatch.setattr("engine.dispatch.scheduler.open_ready_gates", drained_meanwhile)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    async with asyncio.timeout(10):
        await bench.engine.wait_stopped()
    assert (await bench.engine.task(f"{goal.id}/only")).state is TaskState.PENDING


async def test_r3_a_goal_that_ends_while_its_claims_are_stored_holds_up_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = bench.engine._parts.context.database
    write_all, ending = database.write_all, True

    async def cancelled_meanwhile(units: Any) -> Any:
        nonlocal ending
        results = await write_all(units)
        if ending and results and all(isinstance(result, CapReached) for result in results):
            ending = False
            await bench.engine.cancel(capped.id)
            bench.driver.finish()
            await bench.ended(capped.id)
        return results

    monkeypatch.setattr(database, "write_all", cancelled_meanwhile)
    leaves = [{"id": "first", "run": "hang"}, {"id": "second", "run": "exit 0"}]
    both = {"id": "both", "order": "parallel", "tasks": leaves}
    capped = await bench.goal(goal_file(both, policy={"max_parallel": 1}))
    beside = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    assert (await bench.ended(beside.id)).state is GoalState.DONE
    assert not ending
