"""What an answer does: to its gate, its task and the work before it, once and in one transaction (R77, R84)."""

from engine.dispatch.decisions import get, require_waiting
from engine.dispatch.moves import move
from engine.dispatch.outage import answered
from engine.dispatch.rework import add_feedback, reopen_for_gate
from engine.dispatch.steps import DECISIONS, GATES, TASKS
from engine.errors import Conflict
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, DecisionRecord, DecisionState, TaskState
from engine.store import Tx


def confirm(tx: Tx, decision: str, *, merge_cause: str | None = None) -> DecisionRecord:
    """staged → answered, with its effect on gate and task in the same transaction.

    `merge_cause` says why the approved result could not be integrated: the task fails with it.
    """
    held = get(tx, decision)
    if held.state is not DecisionState.STAGED or held.answer is None:
        raise Conflict(f"{decision} is {held.state}")
    require_waiting(tx, held)
    tx.run(DECISIONS["confirm"], {"id": decision, "at": tx.at})
    tx.emit(EventType.DECISION_ANSWERED, goal=held.goal, task=held.task, decision=decision, answer=held.answer,
            by=held.by, via=held.via, feedback=held.feedback)  # fmt: skip
    match held.kind:
        case DecisionKind.APPROVAL:
            resolve_gate(tx, held)
        case DecisionKind.REVIEW:
            _review(tx, held, merge_cause)
        case DecisionKind.SPAWN_FAILURE | DecisionKind.FAILURE:
            _try_again(tx, held)
        case DecisionKind.INFRASTRUCTURE:
            answered(tx, go_on=held.answer is AnswerKind.APPROVE)
    return get(tx, decision)


def resolve_gate(tx: Tx, decision: DecisionRecord) -> None:
    """The one place where an answer resolves a gate (R73)."""
    assert decision.answer is not None
    actor = f"{decision.by} via {decision.via}"
    passed = decision.answer is AnswerKind.APPROVE
    close_gate(tx, decision.subject, passed=passed, actor=actor)
    match decision.answer:
        case AnswerKind.APPROVE:
            move(tx, decision.task, TaskState.DONE, frm=(TaskState.WAITING,))
        case AnswerKind.REJECT:
            move(tx, decision.task, TaskState.FAILED, frm=(TaskState.WAITING,), cause=f"rejected: {decision.feedback}")
        case AnswerKind.CHANGES:
            reopen_for_gate(tx, decision)


def close_gate(tx: Tx, gate: str, *, passed: bool, actor: str) -> None:
    """open → passed or failed, once."""
    row = tx.one(GATES["get"], {"id": gate})
    state = "passed" if passed else "failed"
    if row is None or tx.run(GATES["resolve"], {"id": gate, "to": state, "actor": actor, "at": tx.at}) != 1:
        raise Conflict(f"{gate} is not open")
    tx.emit(EventType.GATE_RESOLVED, goal=row["goal"], task=row["task"], gate=gate, state=state, actor=actor)


def _review(tx: Tx, decision: DecisionRecord, merge_cause: str | None) -> None:
    frm = (TaskState.REVIEW,)
    match decision.answer:
        case AnswerKind.APPROVE if merge_cause is None:
            move(tx, decision.task, TaskState.DONE, frm=frm)
        case AnswerKind.APPROVE:
            move(tx, decision.task, TaskState.FAILED, frm=frm, cause=merge_cause)
        case AnswerKind.REJECT:
            move(tx, decision.task, TaskState.FAILED, frm=frm, cause=f"rejected: {decision.feedback}")
        case AnswerKind.CHANGES:
            add_feedback(tx, decision.task, decision)
            move(tx, decision.task, TaskState.PENDING, frm=frm, cause=f"changes requested: {decision.feedback}")
        case None:
            raise Conflict(f"{decision.id} has no answer")


def _try_again(tx: Tx, decision: DecisionRecord) -> None:
    if decision.answer is AnswerKind.APPROVE:
        tx.run(TASKS["reset_failures"], {"id": decision.task})
        move(tx, decision.task, TaskState.PENDING, frm=(TaskState.BLOCKED,))
    else:
        cause = f"given up: {decision.feedback}"
        move(tx, decision.task, TaskState.FAILED, frm=(TaskState.BLOCKED,), cause=cause)
