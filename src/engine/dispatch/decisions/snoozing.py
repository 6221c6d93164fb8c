"""Putting a decision off: it stays pending, is hidden for a while, and never hides what is about to expire."""

import sqlite3
from datetime import datetime, timedelta
from functools import partial

from engine.api import LedgerAction, Snooze
from engine.dispatch.decisions.lifecycle import get, require_pending
from engine.dispatch.ledger import record
from engine.errors import Conflict, Invalid
from engine.events import EventType
from engine.model import DecisionRecord
from engine.store import Database, Tx, named_queries, stamp

DECIDING = named_queries("deciding")


def snooze(tx: Tx, decision: str, wanted: Snooze) -> DecisionRecord:
    """Hide it until a time or until there is news; its version moves, so that a card that is open answers nothing."""
    held = get(tx, decision)
    require_pending(held, wanted.version)
    until = _until(tx, held, wanted)
    values = {"id": decision, "seen": wanted.version, "news": int(wanted.news),
              "until": None if until is None else stamp(until)}  # fmt: skip
    if tx.run(DECIDING["snooze"], values) != 1:
        raise Conflict(f"{decision} moved on", hint="read it again")
    again = get(tx, decision)
    words = "until there is news" if until is None or wanted.news else f"until {stamp(until)}"
    record(tx, LedgerAction.SNOOZED, again, by=wanted.by, via=wanted.via, note=words)
    tx.emit(EventType.DECISION_SNOOZED, goal=held.goal, task=held.task, decision=decision, version=again.version,
            by=wanted.by, until=None if until is None else stamp(until), news=wanted.news)  # fmt: skip
    return again


def _until(tx: Tx, held: DecisionRecord, wanted: Snooze) -> datetime | None:
    """The time it ends at. One that waits for news ends half-way to the deadline at the latest."""
    if wanted.news:
        return None if held.deadline is None else tx.now + (held.deadline - tx.now) / 2
    until = wanted.until if wanted.until is not None else tx.now + timedelta(seconds=wanted.seconds or 0)
    if until <= tx.now:
        raise Invalid(f"{stamp(until)} is over", hint="snooze until a time that is still to come")
    if held.deadline is not None and until >= held.deadline:
        raise Invalid(f"{held.id} is due at {stamp(held.deadline)}: it cannot be put off beyond that",
                      hint="snooze it for less, or answer it")  # fmt: skip
    return until


def wake(tx: Tx, decision: DecisionRecord, why: str) -> None:
    """Show it again; nothing when it was not put off."""
    if tx.run(DECIDING["wake"], {"id": decision.id}) == 1:
        tx.emit(EventType.DECISION_WOKEN, goal=decision.goal, task=decision.task, decision=decision.id, why=why,
                version=decision.version)  # fmt: skip


def next_wake(connection: sqlite3.Connection) -> datetime | None:
    """When the next one ends."""
    row = connection.execute(DECIDING["next_wake"]).fetchone()
    return None if row is None or row["at"] is None else datetime.fromisoformat(row["at"])


async def wake_due(database: Database, now: datetime) -> None:
    """Show every decision again whose time has come."""
    for row in await database.all(DECIDING["due_wakes"], {"now": stamp(now)}):
        await database.write(partial(_time_has_come, decision=str(row["id"])))


def _time_has_come(tx: Tx, decision: str) -> None:
    wake(tx, get(tx, decision), "its time has come")
