"""What a human decides is stored whole or not at all: each statement of it fails in turn (R3)."""

import sqlite3
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import pytest
from scripted import Bench, goal_file
from test_rules import Failing, dump

from engine.api import Answer
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import stage
from engine.dispatch.orders.cancel import cancel_goal, cancel_task
from engine.dispatch.orders.retrying import retry, skip
from engine.errors import StoreError
from engine.events import EventType
from engine.model import AnswerKind, GoalState
from engine.store import Tx

Change = Callable[[Tx], object]
WORK = {"id": "work", "run": "exit 0"}
CHECK = {"id": "check", "run": "exit 0"}
GATE = {"id": "ok", "gate": {"kind": "human_approval", "rework": "work"}}
LATER = {"id": "later", "run": "exit 0"}


async def fails_in_turn(bench: Bench, change: Change, at_least: int) -> None:
    """Each of its statements fails once and the store is as it was; then it is done for good."""
    await bench.engine._parts.live.cleaned()
    async with bench.engine._parts.scheduler._passing:  # nobody else writes meanwhile
        await _fails_in_turn(bench, change, at_least)


async def _fails_in_turn(bench: Bench, change: Change, at_least: int) -> None:
    database = bench.engine._parts.context.database

    def count(tx: Tx) -> int:
        tx.connection.execute("SAVEPOINT trial")
        counting = Failing(tx.connection, 0)
        change(Tx(counting, tx.now))  # type: ignore[arg-type]
        tx.connection.execute("ROLLBACK TO trial")
        return counting.seen

    def failing(tx: Tx, nth: int) -> None:
        inner = Tx(Failing(tx.connection, nth), tx.now)  # type: ignore[arg-type]
        change(inner)
        tx.drafts, tx.moved, tx.to_end = inner.drafts, inner.moved, inner.to_end

    before, seq = await dump(bench), database.last_seq
    statements = await database.write(count)
    assert statements >= at_least
    for nth in range(1, statements + 1):
        with pytest.raises(StoreError, match="disk I/O error"):
            await database.write(partial(failing, nth=nth))
    assert await dump(bench) == before, "one of them left something"
    assert database.last_seq == seq
    await database.write(partial(failing, nth=statements + 1))
    assert await dump(bench) != before


async def at_gate(bench: Bench) -> tuple[str, str]:
    goal = await bench.goal(goal_file(WORK, CHECK, GATE, LATER))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    return goal.id, decision.id


@pytest.mark.parametrize(
    ("answer", "keys"),
    [(AnswerKind.APPROVE, {"ok": "done"}), (AnswerKind.REJECT, {"ok": "failed", "later": "blocked"})],
)
async def test_r3_an_answer_to_a_gate(bench: Bench, answer: AnswerKind, keys: dict[str, str]) -> None:
    goal, decision = await at_gate(bench)
    said = Answer(version=1, answer=answer, feedback="because")

    def change(tx: Tx) -> None:
        stage(tx, decision, said, 0.0)
        confirm(tx, decision)

    await fails_in_turn(bench, change, 12)
    await bench.ended(goal)
    assert keys.items() <= (await bench.states(goal)).items()


async def test_r3_a_rework_of_everything_that_rests_on_the_work(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    said = Answer(version=1, answer=AnswerKind.CHANGES, feedback="again")

    def change(tx: Tx) -> None:
        stage(tx, decision, said, 0.0)
        confirm(tx, decision)

    await fails_in_turn(bench, change, 20)
    await bench.until(goal, lambda view, _: view.waiting and view.waiting_on[0].id != decision)
    assert {len((await bench.engine.task(f"{goal}/{key}")).runs) for key in ("work", "check")} == {2}


async def test_r3_a_cancel_of_a_goal_with_a_gate_open_and_a_task_that_runs(bench: Bench) -> None:
    both = {"id": "all", "order": "parallel", "tasks": [{"id": "runs", "run": "hang"}, GATE | {"id": "asks"}, LATER]}
    both["tasks"][1] = {"id": "asks", "gate": {"kind": "human_approval"}}  # type: ignore[index]
    goal = (await bench.goal(goal_file(both, LATER | {"id": "after"}))).id
    wanted = {"runs": "running", "asks": "waiting", "later": "done"}
    await bench.until(goal, lambda _, states: wanted.items() <= states.items())
    async with aclosing(bench.engine.subscribe(0)) as updates:  # type: ignore[type-var]
        async for update in updates:  # what is over has been cleared away: nothing is written of it any more
            if getattr(update, "type", None) is EventType.SANDBOX_REMOVED:
                break
    await fails_in_turn(bench, lambda tx: cancel_goal(tx, goal, "enough"), 12)
    assert (await bench.ended(goal)).state is GoalState.CANCELLED
    assert await bench.engine.decisions() == []


ORDERS: dict[str, Callable[..., object]] = {"retry": partial(retry, fresh=True), "skip": skip, "cancel": cancel_task}


@pytest.mark.parametrize("name", ORDERS)
async def test_r3_an_order_to_one_task(bench: Bench, name: str) -> None:
    goal = (await bench.goal(goal_file({"id": "bad", "run": "refuse"}, LATER))).id
    await bench.waiting(goal)
    task = (await bench.engine.task(f"{goal}/bad")).id
    await fails_in_turn(bench, lambda tx: ORDERS[name](tx, task, "me"), 6)


async def test_r3_a_change_that_failed_is_told_to_nobody(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    seq = bench.engine._parts.context.database.last_seq

    def change(tx: Tx) -> None:
        stage(tx, decision, Answer(version=1, answer=AnswerKind.APPROVE), 0.0)
        confirm(tx, decision)
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StoreError):
        await bench.engine._parts.context.database.write(change)
    await bench.engine.cancel(goal)
    await bench.ended(goal)
    told = [event.type for event in await bench.events() if event.seq > seq]
    assert EventType.DECISION_ANSWERED not in told
    assert EventType.GATE_RESOLVED in told, "by the cancel, once"
    assert told.count(EventType.GATE_RESOLVED) == 1
