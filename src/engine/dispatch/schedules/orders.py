"""What an operator does with a schedule: add, remove, pause, resume, and start or stop it by hand (R40)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

from engine.api.schedules import ScheduleOrder
from engine.dispatch.schedules.book import recurrence_of
from engine.dispatch.schedules.recurrence import Slot
from engine.dispatch.schedules.starts import SCHEDULES, Row, go_on, hold, move_start, record, taken
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model import GoalState
from engine.model.schedules import Override, ScheduleSource, ScheduleTerms, StartState
from engine.store import Tx, stamp

SETTINGS = "pilothouse.toml"


def add_schedule(tx: Tx, name: str, terms: ScheduleTerms, by: str) -> None:
    """A schedule of the store; Conflict when there is one of this name."""
    held = tx.one(SCHEDULES["get"], {"name": name})
    if held is not None:
        raise Conflict(f"there is a schedule {name}", hint=_where(held["source"], name))
    _insert(tx, name, terms, ScheduleSource.ADDED, by)


def remove_schedule(tx: Tx, name: str, by: str) -> None:
    """Nothing starts by it any more; the goals that it started are left as they are."""
    row = schedule_row(tx, name)
    if row["source"] == ScheduleSource.SETTINGS:
        raise Conflict(f"schedule {name} stands in the settings", hint=_where(row["source"], name))
    _remove(tx, name, by)


def follow_settings(tx: Tx, schedules: Mapping[str, ScheduleTerms]) -> None:
    """Make the store's schedules those of the settings, beside the ones that were added by hand. One that is new or
    was changed starts from here on; one that is the same keeps what it has seen."""
    there = {str(row["name"]): dict(row) for row in tx.all(SCHEDULES["all"])}
    for name, row in there.items():
        if row["source"] == ScheduleSource.SETTINGS and name not in schedules:
            _remove(tx, name, SETTINGS)
    for name, terms in schedules.items():
        text = terms.model_dump_json()
        if name not in there:
            _insert(tx, name, terms, ScheduleSource.SETTINGS, SETTINGS)
        elif (there[name]["terms"], there[name]["source"]) != (text, ScheduleSource.SETTINGS):
            tx.run(SCHEDULES["replace"], {"name": name, "terms": text, "source": ScheduleSource.SETTINGS,
                                          "by": SETTINGS, "at": tx.at})  # fmt: skip
            tx.emit(EventType.SCHEDULE_ADDED, schedule=name, by=SETTINGS, changed=True)


def order_schedule(tx: Tx, name: str, order: ScheduleOrder, by: str) -> None:
    """Carry one order out; Conflict, and nothing is written, where it would change nothing."""
    row = schedule_row(tx, name)
    match order:
        case ScheduleOrder.PAUSE:
            _pause(tx, row, by)
        case ScheduleOrder.RESUME:
            if not row["paused"]:
                raise Conflict(f"schedule {name} is not paused")
            tx.run(SCHEDULES["pause"], {"name": name, "paused": 0, "at": tx.at})
            tx.emit(EventType.SCHEDULE_RESUMED, schedule=name, by=by)
        case ScheduleOrder.START:
            _start(tx, row, by)
        case ScheduleOrder.STOP:
            _stop(tx, row, by)
        case _:
            assert_never(order)


def schedule_row(tx: Tx, name: str) -> Row:
    row = tx.one(SCHEDULES["get"], {"name": name})
    if row is None:
        raise NotFound(f"no schedule {name[:100]!r}", hint="pilothouse schedule list")
    return dict(row)


def _pause(tx: Tx, row: Row, by: str) -> None:
    """Starts come and go unheard; what was about to start does not. Its goal is not touched."""
    name = str(row["name"])
    if row["paused"]:
        raise Conflict(f"schedule {name} is paused already")
    tx.run(SCHEDULES["pause"], {"name": name, "paused": 1, "at": tx.at})
    tx.emit(EventType.SCHEDULE_PAUSED, schedule=name, by=by)
    _call_off(tx, name, f"the schedule was paused by {by}")


def _start(tx: Tx, row: Row, by: str) -> None:
    """Start at once, until the end of the window that is open, or else of the next one."""
    name, times = str(row["name"]), recurrence_of(row)
    span = times.open_at(tx.now)
    until = span.until if span is not None else times.end_of_next(tx.now)
    waits = tx.one(SCHEDULES["waiting"], {"schedule": name})
    under_way = tx.one(SCHEDULES["under_way"], {"schedule": name})
    if waits is not None:
        raise Conflict(f"a start of schedule {name} is under way already")
    held = under_way is not None and (under_way["state"], under_way["goal_state"]) == (
        StartState.HELD,
        GoalState.PAUSED,
    )
    if under_way is not None and not held:
        raise Conflict(f"{under_way['goal']} of schedule {name} is {under_way['goal_state']}",
                       hint="it starts one goal at a time", details={"goal": under_way["goal"]})  # fmt: skip
    _override(tx, name, Override.START if until is not None else None, until)
    at = tx.now
    while taken(tx, name, at):
        at += timedelta(microseconds=1)
    if held and under_way is not None:
        go_on(tx, name, Slot(at, until), dict(under_way))
    else:
        record(tx, name, Slot(at, until), StartState.DUE, cause=f"started by {by}")


def _stop(tx: Tx, row: Row, by: str) -> None:
    """Hold what it started, and start nothing before the end of the window that is open."""
    name = str(row["name"])
    span = recurrence_of(row).open_at(tx.now)
    waits = tx.one(SCHEDULES["waiting"], {"schedule": name})
    under_way = tx.one(SCHEDULES["under_way"], {"schedule": name})
    runs = under_way is not None and under_way["goal_state"] == GoalState.ACTIVE and not under_way["cancelling"]
    if span is None and not runs and waits is None:
        raise Conflict(f"nothing of schedule {name} runs, and no window of it is open",
                       hint=f"pilothouse schedule pause {name} keeps it from starting")  # fmt: skip
    _call_off(tx, name, f"stopped by {by}")
    if runs and under_way is not None:
        hold(tx, dict(under_way), f"schedule {name} was stopped by {by}")
    _override(tx, name, None if span is None else Override.STOP, None if span is None else span.until)
    tx.emit(EventType.SCHEDULE_STOPPED, schedule=name, by=by,
            until=None if span is None or span.until is None else stamp(span.until))  # fmt: skip


def _override(tx: Tx, name: str, override: Override | None, until: datetime | None) -> None:
    values = {"name": name, "override": override, "until": None if until is None else stamp(until)}
    tx.run(SCHEDULES["override"], values)


def _call_off(tx: Tx, name: str, cause: str) -> None:
    waits = tx.one(SCHEDULES["waiting"], {"schedule": name})
    if waits is not None:
        move_start(tx, dict(waits), StartState.SKIPPED, cause=cause)


def _insert(tx: Tx, name: str, terms: ScheduleTerms, source: ScheduleSource, by: str) -> None:
    tx.run(SCHEDULES["insert"], {"name": name, "terms": terms.model_dump_json(), "source": source, "by": by,
                                 "at": tx.at})  # fmt: skip
    tx.emit(EventType.SCHEDULE_ADDED, schedule=name, by=by)


def _remove(tx: Tx, name: str, by: str) -> None:
    tx.run(SCHEDULES["remove"], {"name": name})
    tx.emit(EventType.SCHEDULE_REMOVED, schedule=name, by=by)


def _where(source: str, name: str) -> str:
    if source == ScheduleSource.SETTINGS:
        return f"change [schedules.{name}] in the settings"
    return f"pilothouse schedule remove {name}"
