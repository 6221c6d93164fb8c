"""All schedules behind the engine's own clock: what has come is dealt with, and when the next thing comes (R40)."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from engine.dispatch.schedules.recurrence import Recurrence, recurrence
from engine.dispatch.schedules.starts import SCHEDULES, Row, arrive, end_windows, move_start
from engine.errors import StoreError
from engine.model.schedules import ScheduleTerms, StartState
from engine.store import Database, Tx, stamp

log = logging.getLogger(__name__)


class ScheduleBook:
    """`changed` says that there may be an earlier time; `at` is the next one; `next` names the next start."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.changed = True
        self.at: datetime | None = None
        self.next: tuple[str, datetime] | None = None

    async def fire(self, now: datetime) -> None:
        """Deal with every start that has come and every window that is over."""
        if not self.changed and (self.at is None or self.at > now):
            return
        self.changed = False
        try:
            schedules = await self._database.all(SCHEDULES["all"])
            if not schedules:
                self.next = self.at = None
                return
            for schedule in schedules:
                if _has_come(dict(schedule), now):
                    await self._database.write(partial(look, name=str(schedule["name"])))
            if await self._database.read(partial(_is_late, now=now)):
                await self._database.write(keep_time)
            self.next, self.at = await self._database.read(partial(coming, now=now))
        except StoreError:
            self.changed = True
            raise


def look(tx: Tx, name: str) -> None:
    """The newest start of one schedule that has not been dealt with; older ones are not made up for."""
    row = tx.one(SCHEDULES["get"], {"name": name})
    if row is None or not _has_come(dict(row), tx.now):
        return
    slot = recurrence_of(dict(row)).last(tx.now)
    assert slot is not None
    tx.run(SCHEDULES["see"], {"name": name, "seen": row["seen_at"], "at": stamp(slot.start)})
    if not row["paused"]:
        arrive(tx, dict(row), ScheduleTerms.model_validate_json(row["terms"]), slot)


def keep_time(tx: Tx) -> None:
    """What ends at its time, and what waited for another goal's end."""
    tx.run(SCHEDULES["end_overrides"], {"at": tx.at})
    end_windows(tx)
    for start in map(dict, tx.all(SCHEDULES["queued"])):
        move_start(tx, start, StartState.DUE, until=start["until"])


def coming(connection: sqlite3.Connection, now: datetime) -> tuple[tuple[str, datetime] | None, datetime | None]:
    """(the next start and its schedule, the next time that wants attention)."""
    starts = []
    times = []
    for row in map(dict, connection.execute(SCHEDULES["all"]).fetchall()):
        if row["override_until"] is not None:
            times.append(datetime.fromisoformat(row["override_until"]))
        starts += [(at, str(row["name"])) for at in _next_of(row, now)]
    ends = connection.execute(SCHEDULES["next_end"]).fetchone()["at"]
    times += [datetime.fromisoformat(ends)] if ends is not None else []
    first = min(starts, default=None)
    times += [first[0]] if first is not None else []
    return None if first is None else (first[1], first[0]), min(times, default=None)


def recurrence_of(row: Row) -> Recurrence:
    """Raises ValueError for terms that this version cannot read."""
    return recurrence(row["terms"], row["created_at"])


def _next_of(row: Row, now: datetime) -> Iterator[datetime]:
    try:
        slot = recurrence_of(row).next(max(now, datetime.fromisoformat(row["seen_at"])))
    except ValueError as error:
        log.error("schedule %s starts nothing: %s", row["name"], error)
        return
    if slot is not None and not row["paused"]:
        yield slot.start


def _has_come(row: Row, now: datetime) -> bool:
    try:
        slot = recurrence_of(row).last(now)
    except ValueError:
        return False  # told where the next one is looked for
    return slot is not None and slot.start > datetime.fromisoformat(row["seen_at"])


def _is_late(connection: sqlite3.Connection, now: datetime) -> bool:
    """Whether anything has to be written at all."""
    at = {"at": stamp(now)}
    late: Sequence[object] = connection.execute(SCHEDULES["over"], at).fetchall()
    waiting = connection.execute(SCHEDULES["queued"]).fetchall()
    overrides = [row["override_until"] for row in connection.execute(SCHEDULES["all"]).fetchall()]
    return bool(late or waiting) or any(until is not None and until <= at["at"] for until in overrides)
