"""Decisions: opened with what they ask about, answered by id and version, undone inside a window (R75-R84)."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from engine.api import Answer, LedgerAction
from engine.dispatch.decisions.approving import (
    EVERYBODY,
    ApprovalPolicy,
    first_of_two,
    forget_first,
    lets_through,
    require_no_question,
)
from engine.dispatch.decisions.filling import Value, filled_in
from engine.dispatch.ledger import record
from engine.dispatch.steps import DECISIONS, brief
from engine.errors import Conflict, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.ids import IdSource, Kind
from engine.model import (
    AnswerKind,
    DecisionKind,
    DecisionRecord,
    DecisionState,
    FormField,
    Risk,
    TaskRecord,
    TaskState,
)
from engine.store import Tx, stamp
from engine.store.rows import decision_from
from engine.transitions import DECISION, require_move

BASIC = (AnswerKind.APPROVE, AnswerKind.REJECT)


def open_decision(
    tx: Tx,
    ids: IdSource,
    task: TaskRecord,
    kind: DecisionKind,
    question: str,
    *,
    options: tuple[AnswerKind, ...] = BASIC,
    subject: str | None = None,
    risk: Risk = Risk.NORMAL,
    content: str | None = None,
    deadline: str | None = None,
    choices: Sequence[str] = (),
    fields: Sequence[FormField] = (),
    evidence: Mapping[str, object] | None = None,
    risk_reason: str = "",
) -> str:
    """Ask a human; the database refuses a second open question on one subject (R6)."""
    decision = ids(Kind.DECISION)
    tx.run(
        DECISIONS["insert"],
        {
            "id": decision, "goal": task.goal, "task": task.id, "subject": subject or task.id, "kind": kind,
            "question": question, "options": json.dumps(options), "risk": risk,
            "content": content, "at": tx.at, "deadline": deadline, "evidence": json.dumps(dict(evidence or {})),
            "choices": json.dumps(list(choices)), "fields": json.dumps([field.model_dump() for field in fields]),
            "risk_reason": risk_reason,
        },
    )  # fmt: skip
    tx.emit(EventType.DECISION_OPENED, goal=task.goal, task=task.id, decision=decision, version=1, kind=kind,
            question=question, key=task.key, options=list(options), choices=list(choices))  # fmt: skip
    return decision


def stage(tx: Tx, decision: str, answer: Answer, window: float, policy: ApprovalPolicy = EVERYBODY) -> DecisionRecord:
    """pending → staged, effective after `window` seconds; refuses a stale version, a changed content, an answer
    that is not among the options, and a subject that waits no more. Under a policy of two names the first approval
    leaves it pending."""
    held = get(tx, decision)
    require_pending(held, answer.version)
    if answer.content is not None and answer.content != held.content:
        raise StaleVersion(f"{decision} asks about {held.content}, the answer was given to {answer.content}",
                           hint="look at what changed and decide again")  # fmt: skip
    filled = _parsed(held, answer)
    require_waiting(tx, held)
    if lets_through(answer):
        require_no_question(tx, held)
        if first_of_two(tx, held, answer, policy):
            return get(tx, decision)
    changed = tx.run(
        DECISIONS["stage"],
        {
            "id": decision, "seen": answer.version, "answer": answer.answer, "feedback": answer.feedback or None,
            "by": answer.by, "via": answer.via, "chosen": answer.option, "filled": json.dumps(filled),
            "raw": answer.model_dump_json(include={"answer", "option", "fields"}),
            "shown": answer.content, "shown_seconds": answer.shown_seconds,
            "effective_at": stamp(tx.now + timedelta(seconds=window)),
        },
    )  # fmt: skip
    if changed != 1:
        raise Conflict(f"{decision} moved on", hint="read it again")
    staged = get(tx, decision)
    if window > 0:
        record(tx, LedgerAction.STAGED, staged)
        tx.emit(EventType.DECISION_STAGED, goal=held.goal, task=held.task, decision=decision, answer=answer.answer,
                by=answer.by, via=answer.via, seconds=window)  # fmt: skip
    return staged


def require_pending(held: DecisionRecord, version: int) -> None:
    """Raise Conflict when somebody answered first, StaleVersion when it is not what was seen."""
    if held.state is not DecisionState.PENDING:
        raise Conflict(f"{held.id} is {held.state}", hint="somebody answered first: read it again",
                       details={"state": held.state, "version": held.version})  # fmt: skip
    if held.version != version:
        raise StaleVersion(f"{held.id} is at version {held.version}, the answer was given to {version}",
                           hint="read it again and decide again", details={"version": held.version})  # fmt: skip


def _parsed(held: DecisionRecord, answer: Answer) -> dict[str, Value]:
    """The fields that were filled in, typed; Invalid for an answer the decision does not take."""
    if answer.answer not in held.options:
        raise Invalid(f"{held.id} takes {', '.join(held.options)}, not {answer.answer}")
    if answer.answer is AnswerKind.CHOOSE and answer.option not in held.choices:
        raise Invalid(f"{held.id} takes one of {', '.join(held.choices)}, not {answer.option!r}")
    return filled_in(held.fields, answer.fields) if answer.answer is AnswerKind.FILL else {}


def undo(tx: Tx, decision: str, by: str = "operator", note: str = "") -> DecisionRecord:
    """staged → pending, while it has had no effect; or the first of two approvals is taken back. `by` does that."""
    held = get(tx, decision)
    once = held.state is DecisionState.PENDING and forget_first(tx, held)
    if not once:
        require_move(DECISION, held.state, DecisionState.PENDING, decision)
        forget_first(tx, held)
        tx.run(DECISIONS["undo"], {"id": decision})
    again = get(tx, decision)
    record(tx, LedgerAction.UNDONE, held, by=by, note="the first of two approvals" if once else note)
    why = {"why": note} if note else {}
    tx.emit(EventType.DECISION_UNDONE, goal=held.goal, task=held.task, decision=decision, version=again.version, by=by,
            **why)  # fmt: skip
    return again


_LIVE = (TaskState.CLAIMED, TaskState.RUNNING)
WAITS_IN: Mapping[DecisionKind, tuple[TaskState, ...]] = {
    DecisionKind.APPROVAL: (TaskState.WAITING,),
    DecisionKind.CHOICE: (TaskState.WAITING,),
    DecisionKind.FORM: (TaskState.WAITING,),
    DecisionKind.REVIEW: (TaskState.REVIEW,),
    DecisionKind.REWORK: (TaskState.REVIEW, TaskState.BLOCKED),
    DecisionKind.SPAWN_FAILURE: (TaskState.BLOCKED,),
    DecisionKind.FAILURE: (TaskState.BLOCKED,),
    DecisionKind.CONFLICT: (TaskState.BLOCKED,),
    DecisionKind.QUESTION: (*_LIVE, TaskState.REVIEW),
    DecisionKind.PERMISSION: _LIVE,
    DecisionKind.EGRESS: _LIVE,
    DecisionKind.STALL: _LIVE,
}
AT_NO_STATE = frozenset({DecisionKind.INFRASTRUCTURE, DecisionKind.BUDGET})
"""Questions about the machine or a whole goal: the task they stand at may be in any state."""


def require_waiting(tx: Tx, decision: DecisionRecord) -> None:
    """Raise Conflict unless what it asks about still waits."""
    if decision.kind in AT_NO_STATE:
        return
    state = brief(tx, decision.task)["state"]
    if state not in WAITS_IN[decision.kind]:
        raise Conflict(f"what {decision.id} asks about is {state}", hint="there is nothing to decide any more")


def get(tx: Tx, decision: str) -> DecisionRecord:
    row = tx.one(DECISIONS["get"], {"id": decision})
    if row is None:
        raise NotFound(f"no decision {decision}", hint="pilothouse decisions lists them")
    return decision_from(row)
