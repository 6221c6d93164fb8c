"""Atomic transitions, states in which nothing starts, waiting that ends by itself (R3, R8, R20, R23, R27, R78)."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace

import pytest
from failing import Failing
from pydantic import ValidationError
from scripted import Bench, goal_file

from engine.api import Answer, LogQuery
from engine.dispatch.claims import Limits, claim, mark_started, mark_starting
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.runs import pace
from engine.errors import Conflict, StoreError
from engine.ids import random_id
from engine.model import AnswerKind, ExitCause, GoalState
from engine.store import Tx

Open = Callable[..., Awaitable[Bench]]


async def dump(bench: Bench) -> list[str]:
    return await bench.engine._parts.context.database.read(lambda c: list(c.iterdump()))


async def test_r3_each_statement_of_a_transition_fails_in_turn_and_leaves_nothing(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}), start=False)
    context = bench.engine._parts.context
    await context.database.write(lambda tx: tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal.id,)))
    task = (await bench.engine.task(f"{goal.id}/only")).id
    policy = Policy(context.settings.engine, random_id, context.random)

    def whole_life(tx: Tx, nth: int) -> None:
        failing = Failing(tx.connection, nth)
        inner = Tx(failing, tx.now)  # type: ignore[arg-type]
        claimed = claim(inner, task, Limits(4), random_id, context.engine)
        mark_starting(inner, claimed.run.id)
        mark_started(inner, claimed.run, None, adopted=False)
        end_run(inner, claimed.run, Ending(ExitCause.EXIT, "exited with 0", 0), policy)

    def count_statements(tx: Tx) -> int:
        """How many there are, counted on the way and undone."""
        tx.connection.execute("SAVEPOINT trial")
        counting = Failing(tx.connection, 0)
        whole_life(Tx(counting, tx.now), 0)  # type: ignore[arg-type]
        tx.connection.execute("ROLLBACK TO trial")
        return counting.seen

    before = await dump(bench)
    statements = await context.database.write(count_statements)
    assert 20 < statements <= 30, "each statement is paid for by every task"
    for nth in range(1, statements + 1):
        with pytest.raises(StoreError, match="disk I/O error"):
            await context.database.write(partial(whole_life, nth=nth))
        assert await dump(bench) == before
    await context.database.write(partial(whole_life, nth=statements + 1))
    assert (await bench.engine.status(goal.id)).goals[0].state is GoalState.DONE


async def test_r8_parallel_children_store_a_result_each(bench: Bench) -> None:
    tasks = [{"id": f"t{n}", "run": f"print result {n}"} for n in range(12)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    await bench.ended(goal.id)
    for n in range(12):
        (run,) = (await bench.engine.task(f"{goal.id}/t{n}")).runs
        assert run.last_lines == (f"result {n}",)


async def test_r20_a_start_slower_than_the_reconcile_is_not_lost(opened: Open) -> None:
    bench = await opened(reconcile_interval=0.02)
    bench.driver.slow_start = asyncio.Event()
    goal = await bench.goal(goal_file({"id": "slow", "run": "exit 0"}))
    listed = bench.driver.listed
    await bench.driver.listed_at_least(listed + 5)
    bench.driver.slow_start.set()
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert len((await bench.engine.task(f"{goal.id}/slow")).runs) == 1
    assert len(bench.driver.specs) == 1


@pytest.mark.parametrize("state", [state for state in GoalState if state is not GoalState.ACTIVE])
async def test_r23_nothing_starts_in_a_goal_that_is_not_active(opened: Open, state: GoalState) -> None:
    bench = await opened()
    held = await bench.goal(goal_file({"id": "held", "run": "exit 1"}), start=False)
    database = bench.engine._parts.context.database
    await database.write(lambda tx: tx.run("UPDATE goals SET state = ? WHERE id = ?", (state, held.id)))
    await bench.engine._parts.scheduler.add_goal(held.id)
    other = await bench.goal(goal_file({"id": "free", "run": "exit 0"}))
    assert (await bench.ended(other.id)).state is GoalState.DONE
    assert await bench.states(held.id) == {"held": "pending"}
    assert len(bench.driver.specs) == 1
    task = (await bench.engine.task(f"{held.id}/held")).id
    with pytest.raises(Conflict, match=f"is {state}: nothing starts in it"):
        await database.write(lambda tx: claim(tx, task, Limits(4), random_id, bench.engine._parts.context.engine))


async def test_r23_an_order_to_one_goal_changes_no_other(bench: Bench) -> None:
    one = await bench.goal(goal_file({"id": "a", "run": "hang one"}))
    two = await bench.goal(goal_file({"id": "a", "run": "hang two"}))
    for goal in (one, two):
        await bench.until(goal.id, lambda _, states: states["a"] == "running")
    await bench.engine.cancel(one.id)
    await bench.ended(one.id)
    assert (await bench.states(two.id))["a"] == "running"
    bench.driver.finish("hang two")
    assert (await bench.ended(two.id)).state is GoalState.DONE


async def test_r27_a_goal_whose_tasks_all_run_ends_with_nobody_resuming_it(bench: Bench) -> None:
    tasks = [{"id": f"t{n}", "run": "hang"} for n in range(3)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    await bench.until(goal.id, lambda _, states: list(states.values()).count("running") == 4)
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.DONE


@pytest.mark.parametrize("text", ["disapprove", "Approve", " approve", "yes", "ok", "", "approved", "approve\n", "a"])
def test_r78_answers_parse_exactly(text: str) -> None:
    with pytest.raises(ValidationError):
        Answer.model_validate({"version": 1, "answer": text})


async def test_r78_approve_with_text_is_approve_with_a_note(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}))
    await bench.waiting(goal.id)
    (decision,) = await bench.engine.decisions()
    words = "not sure, reject the next one"
    answered = await bench.engine.answer(decision.id, Answer(version=1, answer=AnswerKind.APPROVE, feedback=words))
    assert (answered.answer, answered.feedback) == (AnswerKind.APPROVE, words)
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_artefacts_outlive_their_work_folder(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "make", "run": "hang", "artifacts": ["out/*.txt"]}))
    await bench.until(goal.id, lambda _, states: states["make"] == "running")
    (spec,) = bench.driver.specs
    (spec.workspace / "out").mkdir()
    (spec.workspace / "out" / "report.txt").write_text("all is well")
    bench.driver.finish()
    await bench.ended(goal.id)
    (run,) = (await bench.engine.task(f"{goal.id}/make")).runs
    kept = bench.engine._parts.context.paths.run_artifacts(run.id) / "out" / "report.txt"
    assert kept.read_text() == "all is well"
    log = await bench.engine.logs(run.id, LogQuery())
    assert any("kept out/report.txt (11 B)" in line.text for line in log.lines)


async def test_a_log_is_read_at_rest_only_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    worked, rests = 0.0, list[float]()

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(pace, "time", SimpleNamespace(thread_time=lambda: worked))
    monkeypatch.setattr(pace, "asyncio", SimpleNamespace(sleep=rest))
    unwatched, watched = pace.Pace(lambda: False), pace.Pace(lambda: True)
    for seconds in (0.005, 1.0, 0.001):
        worked += seconds
        await unwatched.rest()
        await watched.rest()
    assert rests == pytest.approx([0.005, 0.02, 0.001])
    watched.hurry()
    worked += 1
    await watched.rest()
    assert len(rests) == 3, "what is left of a log is read at full speed"
