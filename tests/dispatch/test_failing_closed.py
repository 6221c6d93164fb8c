"""What time alone does never lets through what is kept for people, and an answer that met a conflict is told of once
(promise 1, R82, R83, R84)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from asked import answer, ask, gate, running, told, view
from scripted import Bench, goal_file

from engine.api import LedgerAction
from engine.dispatch.decisions.approving import EVERYBODY, ApprovalPolicy
from engine.dispatch.gates.deadlines import fire_deadlines
from engine.events import EventType
from engine.model import DecisionKind, DecisionState

Open = Callable[..., Awaitable[Bench]]
APPROVES = {"deadline": "1h", "on_deadline": "approve"}
LATER = timedelta(hours=2)
ALL_OF = {"kind": "all", "gates": [{"kind": "human_approval", "risk": "high"}, {"kind": "webhook", "name": "w"}]}


async def deadline(bench: Bench, policy: ApprovalPolicy = EVERYBODY) -> None:
    """The deadlines of the next two hours pass."""
    context = bench.engine._parts.context
    await fire_deadlines(context.database, context.clock.now() + LATER, policy)


@pytest.mark.parametrize("kept", [{"kind": "human_approval", "risk": "high"}, ALL_OF])
@pytest.mark.parametrize("policy", [ApprovalPolicy(second=True), ApprovalPolicy(names=("ann",))])
async def test_r83_no_deadline_approves_what_takes_a_name(
    bench: Bench, kept: dict[str, object], policy: ApprovalPolicy
) -> None:
    asked = await gate(bench, **kept, **APPROVES)
    await deadline(bench, policy)
    assert (await bench.ended(asked.goal)).state == "failed"
    cause = (await bench.engine.task(asked.task)).cause or ""
    assert cause.startswith(f"its deadline could not let it pass: {asked.id} is of high risk")


@pytest.mark.parametrize("policy", [EVERYBODY, ApprovalPolicy(second=True)])
async def test_r83_a_deadline_that_approves_lets_a_normal_gate_through(bench: Bench, policy: ApprovalPolicy) -> None:
    asked = await gate(bench, **APPROVES)
    await deadline(bench, policy)
    assert (await bench.ended(asked.goal)).state == "done"


async def test_r82_no_deadline_approves_while_a_question_is_open(bench: Bench) -> None:
    ship = {"id": "ship", "gate": {"kind": "human_approval", **APPROVES}}
    run = await running(bench, ship)
    await bench.until(run.goal, lambda _, states: states["ship"] == "waiting")
    question = await ask(bench, run, kind=DecisionKind.QUESTION, question="Which port?")
    await deadline(bench)
    await bench.until(run.goal, lambda _, states: states["ship"] == "failed")
    cause = (await bench.engine.task(f"{run.goal}/ship")).cause
    assert cause == f"its deadline could not let it pass: {question} is open: Which port?"


async def test_r84_a_staged_answer_to_what_waits_no_more_ends_as_one_conflict_that_is_told(opened: Open) -> None:
    bench = await opened(undo_window=300)
    asked = await gate(bench)
    await bench.engine.answer(asked.id, answer(asked, undoable=True))
    parts = bench.engine._parts
    database, later = parts.context.database, parts.context.clock.now() + LATER
    await database.write(lambda tx: tx.run("UPDATE tasks SET state = 'blocked' WHERE id = ?", (asked.task,)))
    for _ in range(3):
        await parts.answers.apply_due(later)
    assert (await view(bench, asked.id)).state is DecisionState.CANCELLED
    [event] = await told(bench, EventType.DECISION_CANCELLED)
    assert (event.data["by"], event.data["why"]) == ("engine", f"what {asked.id} asks about is blocked")
    [cancelled, _staged] = await bench.engine.history(decision=asked.id)
    assert cancelled.note == f"an answer that was staged is void: what {asked.id} asks about is blocked"


async def test_r84_a_staged_answer_that_meets_a_closed_gate_is_asked_again_once(opened: Open) -> None:
    bench = await opened(undo_window=300)
    asked = await gate(bench)
    await bench.engine.answer(asked.id, answer(asked, undoable=True))
    parts = bench.engine._parts
    database, later = parts.context.database, parts.context.clock.now() + LATER
    closed = "UPDATE gates SET state = 'cancelled' WHERE task = ?"
    await database.write(lambda tx: tx.run(closed, (asked.task,)))
    for _ in range(3):
        await parts.answers.apply_due(later)
    assert (await view(bench, asked.id)).state is DecisionState.PENDING
    [event] = await told(bench, EventType.DECISION_UNDONE)
    assert event.data["by"] == "engine"
    assert "is cancelled" in str(event.data["why"])


async def test_r85_an_undo_says_who_took_the_answer_back(opened: Open) -> None:
    bench = await opened(undo_window=300)
    asked = await gate(bench)
    await bench.engine.answer(asked.id, answer(asked, undoable=True))
    await bench.engine.undo(asked.id, "ben")
    undone, staged = await bench.engine.history(decision=asked.id)
    assert [(row.action, row.by) for row in (undone, staged)] == [
        (LedgerAction.UNDONE, "ben"),
        (LedgerAction.STAGED, "ann"),
    ]
    [event] = await told(bench, EventType.DECISION_UNDONE)
    assert event.data["by"] == "ben"


async def test_r117_the_leases_of_the_engine_before_are_counted_at_once(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file({"id": "work", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["work"] == "running")
    run = (await bench.engine.task(f"{goal.id}/work")).runs[0].id
    values = (run, "2020-01-01T00:00:00.000000+00:00", "2990-01-01T00:00:00.000000+00:00")
    row = "INSERT INTO leases (name, run, fence, ttl, acquired_at, expires_at) VALUES ('db', ?, 1, 60.0, ?, ?)"
    await bench.engine._parts.context.database.write(lambda tx: tx.run(row, values))
    await bench.engine.close()
    again = await opened()
    assert "pilothouse_leases_held 1.0" in (await again.engine.metrics())
