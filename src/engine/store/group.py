"""One group commit: what waits, between one BEGIN and one COMMIT in the writer's thread (docs/design/0003, 0013)."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Generic, TypeVar

from engine.errors import Conflict, StoreError
from engine.events import Event
from engine.store.transaction import EventDraft, TaskMoved, Tx, stamp, store_events

A = TypeVar("A")
T = TypeVar("T")
Unit = Callable[[Tx], T]
Outcome = tuple[Any, BaseException | None]
"""What a unit returned, or why it was undone."""


@dataclass(frozen=True, slots=True)
class Share(Generic[A, T]):
    """A unit that is one of many alike: `many` does it for all that wait side by side, and answers in their order.

    `many` does all it is given or raises. Then that is undone, and each share is done by itself.
    """

    many: Callable[[Tx, Sequence[A]], Sequence[T]]
    one: A

    def __call__(self, tx: Tx) -> T:
        return self.many(tx, [self.one])[0]


@dataclass(frozen=True)
class Committed:
    """What one group commit made true, in order, and how long it took."""

    events: Sequence[Event]
    moved: Sequence[TaskMoved]
    to_end: Sequence[str]
    seconds: float = 0.0


@dataclass
class _Facts:
    """What the units of a group that stand have to tell."""

    drafts: list[EventDraft] = field(default_factory=list)
    moved: list[TaskMoved] = field(default_factory=list)
    to_end: list[str] = field(default_factory=list)

    def add(self, tx: Tx) -> None:
        self.drafts += tx.drafts
        self.moved += tx.moved
        self.to_end += tx.to_end


def commit_group(
    connection: sqlite3.Connection, now: datetime, first_seq: int, units: Sequence[Unit[Any]]
) -> tuple[Sequence[Outcome], Committed]:
    """Run all units in one transaction; their outcomes in their order, and what the commit made true."""
    facts, at = _Facts(), stamp(now)

    def attempt(unit: Unit[Any]) -> Outcome:
        tx = Tx(connection, now, at=at)
        result, failure = _run_unit(tx, unit, alone=len(units) == 1)
        if failure is None:
            facts.add(tx)
        return result, failure

    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes = [outcome for many, alike in groupby(units, _many) for outcome in _run(attempt, many, alike)]
        events = store_events(connection, first_seq, now, facts.drafts)
        if connection.in_transaction:  # else the only unit was undone, and the transaction with it
            _commit(connection, first_seq + len(events) - 1 if events else None)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return outcomes, Committed(events, facts.moved, facts.to_end)


def _many(unit: Unit[Any]) -> Callable[[Tx, Sequence[Any]], Sequence[Any]] | None:
    return unit.many if isinstance(unit, Share) else None


def _run(
    attempt: Callable[[Unit[Any]], Outcome],
    many: Callable[[Tx, Sequence[Any]], Sequence[Any]] | None,
    alike: Iterable[Unit[Any]],
) -> Iterable[Outcome]:
    """Units side by side: shares of one change at once if that goes well, everything else one after the other."""
    units = list(alike)
    if many is not None and len(units) > 1:
        given = [unit.one for unit in units if isinstance(unit, Share)]
        results, failure = attempt(lambda tx: _answered(many(tx, given), given))
        if failure is None:
            return [(result, None) for result in results]
    return map(attempt, units)


def _answered(results: Sequence[Any], given: Sequence[Any]) -> Sequence[Any]:
    assert len(results) == len(given), "one answer for each"
    return results


def _run_unit(tx: Tx, unit: Unit[Any], *, alone: bool) -> Outcome:
    """One that is `alone` in its transaction needs no savepoint in it."""
    if not alone:
        tx.connection.execute("SAVEPOINT unit")
    try:
        result = unit(tx)
    except Exception as error:  # the unit is undone and its own caller gets the error, whatever it is
        if not tx.connection.in_transaction:  # SQLite undid the whole group by itself (disk full, I/O error)
            raise
        for statement in ("ROLLBACK",) if alone else ("ROLLBACK TO unit", "RELEASE unit"):
            tx.connection.execute(statement)
        return None, _as_ours(error)
    if not alone:
        tx.connection.execute("RELEASE unit")
    return result, None


def _as_ours(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.IntegrityError):
        conflict = Conflict(f"the store refused it: {error}", hint="read the row again")
        conflict.__cause__ = error
        return conflict
    if isinstance(error, sqlite3.Error):
        refused = StoreError(f"the store refused a write: {error}")
        refused.__cause__ = error
        return refused
    return error


def _commit(connection: sqlite3.Connection, newest: int | None) -> None:
    """COMMIT; one that reports an error and yet took effect, as its newest event proves, is a commit like any other."""
    try:
        end_transaction(connection)
    except sqlite3.Error:
        if connection.in_transaction or newest is None or last_seq(connection) != newest:
            raise


def end_transaction(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def last_seq(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])
