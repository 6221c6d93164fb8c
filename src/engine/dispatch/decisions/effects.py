"""What an answer does: to its gate, its task and the work before it, once and in one transaction (R77, R84)."""

from typing import assert_never

from engine.api import LedgerAction
from engine.dispatch.decisions.lifecycle import get, require_waiting
from engine.dispatch.endings.closing import leave_asks
from engine.dispatch.gates.resolving import send_back, settle
from engine.dispatch.ledger import record
from engine.dispatch.limits import budgets
from engine.dispatch.limits.outage import answered
from engine.dispatch.rework import objections
from engine.dispatch.rework.again import add_feedback, reopen_for_gate
from engine.dispatch.stalls import answers as stall_answers
from engine.dispatch.steps import DECISIONS, TASKS
from engine.dispatch.tree.moves import move
from engine.dispatch.work import conflicts
from engine.errors import Conflict
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, DecisionRecord, DecisionState, TaskState
from engine.store import Tx


def confirm(tx: Tx, decision: str, *, merge_cause: str | None = None, clashes: bool = False) -> DecisionRecord:
    """staged → answered, with its effect on gate and task in the same transaction.

    `merge_cause` says why the approved result could not be integrated: the task fails with it, or runs again when it
    `clashes` with the goal's branch.
    """
    held = get(tx, decision)
    if held.state is not DecisionState.STAGED or held.answer is None:
        raise Conflict(f"{decision} is {held.state}")
    require_waiting(tx, held)
    tx.run(DECISIONS["confirm"], {"id": decision, "at": tx.at})
    tx.emit(EventType.DECISION_ANSWERED, goal=held.goal, task=held.task, decision=decision, answer=held.answer,
            by=held.by, via=held.via, feedback=held.feedback)  # fmt: skip
    record(tx, LedgerAction.ANSWERED, get(tx, decision))
    match held.kind:
        case DecisionKind.APPROVAL | DecisionKind.CHOICE | DecisionKind.FORM:
            resolve_gate(tx, held)
        case DecisionKind.REVIEW:
            _review(tx, held, merge_cause, clashes=clashes)
        case DecisionKind.SPAWN_FAILURE | DecisionKind.FAILURE:
            _try_again(tx, held)
        case DecisionKind.INFRASTRUCTURE:
            answered(tx, go_on=held.answer is AnswerKind.APPROVE)
        case DecisionKind.QUESTION | DecisionKind.PERMISSION | DecisionKind.EGRESS:
            pass  # whoever asked reads the answer from its row
        case DecisionKind.BUDGET:
            budgets.answered(tx, held)
        case DecisionKind.STALL:
            stall_answers.answered(tx, held)
        case DecisionKind.CONFLICT:
            conflicts.answered(tx, held)
        case DecisionKind.REWORK:
            objections.answered(tx, held)
        case _:
            assert_never(held.kind)
    return get(tx, decision)


def resolve_gate(tx: Tx, decision: DecisionRecord) -> None:
    """The one place where an answer resolves a gate (R73)."""
    assert decision.answer is not None
    actor = f"{decision.by} via {decision.via}"
    match decision.answer:
        case AnswerKind.APPROVE | AnswerKind.CHOOSE | AnswerKind.FILL:
            settle(tx, decision.subject, passed=True, actor=actor)
        case AnswerKind.REJECT:
            settle(tx, decision.subject, passed=False, actor=actor, cause=f"rejected: {decision.feedback}")
        case AnswerKind.CHANGES:
            send_back(tx, decision.subject, actor=actor, cause=f"changes requested: {decision.feedback}")
            reopen_for_gate(tx, decision)
        case AnswerKind.SNOOZE:
            raise Conflict("a snooze answers nothing")
        case _:
            assert_never(decision.answer)


def _review(tx: Tx, decision: DecisionRecord, merge_cause: str | None, *, clashes: bool) -> None:
    frm = (TaskState.REVIEW,)
    leave_asks(tx, decision.task, keep_questions=False)
    match decision.answer:
        case AnswerKind.APPROVE if merge_cause is None:
            move(tx, decision.task, TaskState.DONE, frm=frm)
        case AnswerKind.APPROVE:
            to = TaskState.PENDING if clashes else TaskState.FAILED
            move(tx, decision.task, to, frm=frm, cause=merge_cause)
        case AnswerKind.REJECT:
            move(tx, decision.task, TaskState.FAILED, frm=frm, cause=f"rejected: {decision.feedback}")
        case AnswerKind.CHANGES:
            add_feedback(tx, decision.task, decision)
            move(tx, decision.task, TaskState.PENDING, frm=frm, cause=f"changes requested: {decision.feedback}")
        case AnswerKind.CHOOSE | AnswerKind.FILL | AnswerKind.SNOOZE | None:
            raise Conflict(f"{decision.id} has no answer")
        case _:
            assert_never(decision.answer)


def _try_again(tx: Tx, decision: DecisionRecord) -> None:
    if decision.answer is AnswerKind.APPROVE:
        tx.run(TASKS["reset_failures"], {"id": decision.task})
        move(tx, decision.task, TaskState.PENDING, frm=(TaskState.BLOCKED,))
    else:
        cause = f"given up: {decision.feedback}"
        move(tx, decision.task, TaskState.FAILED, frm=(TaskState.BLOCKED,), cause=cause)
