"""Decisions: opened with what they ask about, answered by id and version, undone inside a window (R75-R84)."""

from datetime import timedelta

from engine.api import Answer
from engine.dispatch.moves import move
from engine.dispatch.steps import DECISIONS, GATES, brief
from engine.errors import Conflict, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.ids import IdSource, Kind
from engine.model import (
    AnswerKind,
    DecisionKind,
    DecisionRecord,
    DecisionState,
    Risk,
    TaskRecord,
    TaskState,
)
from engine.store import Tx, stamp
from engine.store.rows import decision_from
from engine.transitions import DECISION, require_move

BASIC = (AnswerKind.APPROVE, AnswerKind.REJECT)


def open_gate(tx: Tx, task: TaskRecord, ids: IdSource, content: str | None) -> str:
    """pending → waiting: a gate row and its decision, in one transaction; returns the decision's id."""
    spec = task.spec.gate
    assert spec is not None
    move(tx, task.id, TaskState.WAITING, frm=(TaskState.PENDING,))
    deadline = None if spec.deadline is None else tx.now + timedelta(seconds=spec.deadline)
    gate = ids(Kind.GATE)
    tx.run(
        GATES["insert"],
        {
            "id": gate, "goal": task.goal, "task": task.id, "kind": spec.kind, "spec": spec.model_dump_json(),
            "at": tx.at, "deadline": None if deadline is None else stamp(deadline), "on_deadline": spec.on_deadline,
        },
    )  # fmt: skip
    tx.emit(EventType.GATE_OPENED, goal=task.goal, task=task.id, gate=gate, kind=spec.kind, key=task.key)
    options = (*BASIC, AnswerKind.CHANGES) if spec.rework is not None else BASIC
    question = spec.question or f"May {task.title} pass?"
    return open_decision(
        tx, ids, task, DecisionKind.APPROVAL, question, options=options, subject=gate, risk=spec.risk,
        content=content, deadline=None if deadline is None else stamp(deadline),
    )  # fmt: skip


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
) -> str:
    """Ask a human; the database refuses a second open question on one subject (R6)."""
    decision = ids(Kind.DECISION)
    tx.run(
        DECISIONS["insert"],
        {
            "id": decision, "goal": task.goal, "task": task.id, "subject": subject or task.id, "kind": kind,
            "question": question, "options": "[" + ",".join(f'"{option}"' for option in options) + "]", "risk": risk,
            "content": content, "at": tx.at, "deadline": deadline,
        },
    )  # fmt: skip
    tx.emit(EventType.DECISION_OPENED, goal=task.goal, task=task.id, decision=decision, version=1, kind=kind,
            question=question, key=task.key)  # fmt: skip
    return decision


def stage(tx: Tx, decision: str, answer: Answer, window: float) -> DecisionRecord:
    """pending → staged, effective after `window` seconds; refuses a stale version, a changed content, an answer
    that is not among the options, and a subject that waits no more."""
    held = get(tx, decision)
    if held.state is not DecisionState.PENDING:
        raise Conflict(f"{decision} is {held.state}", hint="somebody answered first: read it again",
                       details={"state": held.state, "version": held.version})  # fmt: skip
    if held.version != answer.version:
        raise StaleVersion(f"{decision} is at version {held.version}, the answer was given to {answer.version}",
                           hint="read it again and decide again", details={"version": held.version})  # fmt: skip
    if answer.content is not None and answer.content != held.content:
        raise StaleVersion(f"{decision} asks about {held.content}, the answer was given to {answer.content}",
                           hint="look at what changed and decide again")  # fmt: skip
    if answer.answer not in held.options:
        raise Invalid(f"{decision} takes {', '.join(held.options)}, not {answer.answer}")
    require_waiting(tx, held)
    tx.run(
        DECISIONS["stage"],
        {
            "id": decision, "seen": answer.version, "answer": answer.answer, "feedback": answer.feedback or None,
            "by": answer.by, "via": answer.via, "shown": answer.content, "shown_seconds": answer.shown_seconds,
            "effective_at": stamp(tx.now + timedelta(seconds=window)),
        },
    )  # fmt: skip
    if window > 0:
        tx.emit(EventType.DECISION_STAGED, goal=held.goal, task=held.task, decision=decision, answer=answer.answer,
                by=answer.by, via=answer.via, seconds=window)  # fmt: skip
    return get(tx, decision)


def undo(tx: Tx, decision: str) -> DecisionRecord:
    """staged → pending, while it has had no effect."""
    held = get(tx, decision)
    require_move(DECISION, held.state, DecisionState.PENDING, decision)
    tx.run(DECISIONS["undo"], {"id": decision})
    again = get(tx, decision)
    tx.emit(EventType.DECISION_UNDONE, goal=held.goal, task=held.task, decision=decision, version=again.version)
    return again


WAITS_IN = {
    DecisionKind.APPROVAL: TaskState.WAITING,
    DecisionKind.REVIEW: TaskState.REVIEW,
    DecisionKind.SPAWN_FAILURE: TaskState.BLOCKED,
    DecisionKind.FAILURE: TaskState.BLOCKED,
}


def require_waiting(tx: Tx, decision: DecisionRecord) -> None:
    """Raise Conflict unless what it asks about still waits. A question about the machine ends with its outage, and
    asks for no state of the task it stands at."""
    if decision.kind is DecisionKind.INFRASTRUCTURE:
        return
    state = brief(tx, decision.task)["state"]
    if state != WAITS_IN[decision.kind]:
        raise Conflict(f"what {decision.id} asks about is {state}", hint="there is nothing to decide any more")


def get(tx: Tx, decision: str) -> DecisionRecord:
    row = tx.one(DECISIONS["get"], {"id": decision})
    if row is None:
        raise NotFound(f"no decision {decision}", hint="pilothouse decisions lists them")
    return decision_from(row)
