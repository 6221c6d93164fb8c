"""Words at a decision or a task, and the label that says who should answer."""

import sqlite3

from engine.api import LedgerAction, Note
from engine.dispatch.decisions.lifecycle import get
from engine.dispatch.decisions.snoozing import wake
from engine.dispatch.ledger import record
from engine.dispatch.steps import brief
from engine.errors import Conflict, Invalid
from engine.events import EventType
from engine.model import DecisionRecord, DecisionState
from engine.store import Tx, named_queries

DECIDING = named_queries("deciding")
LONGEST, LONGEST_NAME = 20_000, 200  # characters


def add_note(tx: Tx, subject: str, text: str, by: str) -> Note:
    """Keep a note at a decision or a task; it is news to a decision that was put off until there is some."""
    if not text.strip():
        raise Invalid("a note needs words")
    if len(text) > LONGEST:
        raise Invalid(f"a note has at most {LONGEST:,} characters")
    tx.run(DECIDING["add_note"], {"subject": subject, "text": text, "by": by, "at": tx.at})
    if subject.startswith("d-"):
        held = get(tx, subject)
        tx.emit(EventType.DECISION_NOTED, goal=held.goal, task=held.task, decision=subject, by=by, text=text[:1_000])
        if held.snoozed_for_news:
            wake(tx, held, f"a note by {by}")
    else:
        tx.emit(EventType.TASK_NOTED, goal=brief(tx, subject)["goal"], task=subject, by=by, text=text[:1_000])
    return Note(subject=subject, text=text, by=by, at=tx.now)


def delegate(tx: Tx, decision: str, who: str, by: str) -> DecisionRecord:
    """Label a pending decision; an empty name takes the label away."""
    held = get(tx, decision)
    name = " ".join(who.split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"a name has at most {LONGEST_NAME} characters")
    if (
        held.state is not DecisionState.PENDING
        or tx.run(DECIDING["delegate"], {"id": decision, "who": name or None}) != 1
    ):
        raise Conflict(f"{decision} is {held.state}", hint="only what is pending can be passed on",
                       details={"state": held.state})  # fmt: skip
    again = get(tx, decision)
    record(tx, LedgerAction.DELEGATED, again, by=by, note=f"to {name}" if name else "to nobody")
    tx.emit(EventType.DECISION_DELEGATED, goal=held.goal, task=held.task, decision=decision, to=name, by=by)
    return again


def notes_of(connection: sqlite3.Connection, subject: str) -> tuple[Note, ...]:
    """The notes at a decision or a task, oldest first."""
    rows = connection.execute(DECIDING["notes_of"], {"subject": subject}).fetchall()
    return tuple(Note.model_validate(dict(row)) for row in rows)
