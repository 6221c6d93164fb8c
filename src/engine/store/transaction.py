"""One unit of work inside the writer's group: statements, moves and events that stand or fall together."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from engine.events import Event, EventType
from engine.model import TaskState
from engine.redaction import Redactor
from engine.store.blocks import execute_rows

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_REDACTOR = Redactor()  # of the formats everybody knows; the secrets of a run are cut where its words come from
INSERT_EVENT = "INSERT INTO events (seq, at, type, goal, task, run, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
Params = Mapping[str, object] | Sequence[object]


def stamp(at: datetime) -> str:
    """A time as it is stored: fixed width, UTC, so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class TaskMoved:
    """A committed change of one task's state. `wait`: seconds from its commit to `not_before`."""

    task: str
    goal: str
    frm: TaskState
    to: TaskState
    not_before: datetime | None = None
    wait: float | None = None


@dataclass(slots=True)
class EventDraft:
    type: EventType
    goal: str | None
    task: str | None
    run: str | None
    data: dict[str, Any]
    text: str


@dataclass
class Tx:
    """What a unit of work gets. Lives in the writer's thread for the length of the call; `now` is one time for all
    its rows. `moved`, `drafts` and `to_end` (tasks whose live run must end) are told after the commit and dropped
    with a rollback."""

    connection: sqlite3.Connection
    now: datetime
    drafts: list[EventDraft] = field(default_factory=list)
    moved: list[TaskMoved] = field(default_factory=list)
    to_end: list[str] = field(default_factory=list)
    at: str = ""

    def __post_init__(self) -> None:
        self.at = self.at or stamp(self.now)

    def one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.connection.execute(sql, params).fetchone()
        return row

    def all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        return self.connection.execute(sql, params).fetchall()

    def run(self, sql: str, params: Params = ()) -> int:
        """Execute and return the number of rows changed."""
        return self.connection.execute(sql, params).rowcount

    def many(self, sql: str, rows: Sequence[Params]) -> int:
        """Execute for each and return the number of rows changed in all."""
        if len(rows) == 1:
            return self.run(sql, rows[0])
        return self.connection.executemany(sql, rows).rowcount if rows else 0

    def rows(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        """Execute a statement with one `VALUES (?, …)` for all these rows; returns the number of rows changed."""
        return execute_rows(self.connection, sql, rows)

    def emit(
        self, type: EventType, *, goal: str | None = None, task: str | None = None, run: str | None = None, **data: Any
    ) -> None:
        """An event of this change; gets its seq at the end of the group. Encoded here: what cannot be stored fails its
        own unit and no other (R4)."""
        cut = _REDACTOR.data(data)
        self.drafts.append(EventDraft(type, goal, task, run, cut, _encoded(cut)))


def _encoded(data: dict[str, Any]) -> str:
    """JSON; what only the standard encoder can say, such as half a surrogate pair, is said by that one, at five times
    the cost."""
    try:
        return to_json(data).decode()
    except ValueError:
        return _ENCODE(data)


def store_events(connection: sqlite3.Connection, first: int, at: datetime, drafts: Sequence[EventDraft]) -> list[Event]:
    """Insert drafts as rows numbered from `first`; returns the events."""
    if not drafts:
        return []
    when = stamp(at)
    rows = [(seq, when, d.type, d.goal, d.task, d.run, d.text) for seq, d in enumerate(drafts, first)]
    execute_rows(connection, INSERT_EVENT, rows)
    return [
        Event(seq=seq, at=at, type=d.type, goal=d.goal, task=d.task, run=d.run, data=d.data)
        for seq, d in enumerate(drafts, first)
    ]
