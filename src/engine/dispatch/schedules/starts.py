"""One start of a schedule and what it meets; every change of it is told (R40)."""

from datetime import datetime, timedelta
from typing import Any, assert_never

from engine.api import GoalOrder
from engine.dispatch.orders.cancel import cancel_goal
from engine.dispatch.orders.goal_moves import move_goal
from engine.dispatch.orders.whole_goal import order_goal
from engine.dispatch.schedules.recurrence import Slot
from engine.errors import Conflict
from engine.events import EventType
from engine.model import GoalState
from engine.model.schedules import Overlap, Override, ScheduleTerms, StartState
from engine.store import Tx, named_queries, stamp

SCHEDULES = named_queries("schedules")
LATE = timedelta(minutes=1)  # a start that is older was missed
KEPT = 200  # starts of a schedule that came to nothing are forgotten beyond so many newer ones
EVENT: dict[StartState, EventType] = {
    StartState.DUE: EventType.SCHEDULE_DUE,
    StartState.QUEUED: EventType.SCHEDULE_QUEUED,
    StartState.STARTED: EventType.SCHEDULE_STARTED,
    StartState.HELD: EventType.SCHEDULE_HELD,
    StartState.SKIPPED: EventType.SCHEDULE_SKIPPED,
    StartState.MISSED: EventType.SCHEDULE_MISSED,
    StartState.FAILED: EventType.SCHEDULE_FAILED,
}
Row = dict[str, Any]


def arrive(tx: Tx, schedule: Row, terms: ScheduleTerms, slot: Slot) -> None:
    """A start has come: its goal is made, goes on, waits for another one, or the start comes to nothing."""
    name = str(schedule["name"])
    if taken(tx, name, slot.start):
        return
    if schedule["override"] == Override.STOP:
        until = schedule["override_until"]
        record(tx, name, slot, StartState.SKIPPED, cause=f"stopped by hand until {until}")
    elif slot.until is not None and slot.until <= tx.now:
        record(tx, name, slot, StartState.MISSED, cause="its window was over before an engine saw it")
    elif terms.missed == "skip" and tx.now - slot.start > LATE:
        record(tx, name, slot, StartState.MISSED, cause="no engine ran at its time")
    elif (waits := tx.one(SCHEDULES["waiting"], {"schedule": name})) is not None:
        record(tx, name, slot, StartState.SKIPPED, cause=f"the start of {waits['slot']} has yet to be made")
    elif (under_way := tx.one(SCHEDULES["under_way"], {"schedule": name})) is not None:
        _meet(tx, schedule, terms, slot, dict(under_way))
    else:
        record(tx, name, slot, StartState.DUE)


def _meet(tx: Tx, schedule: Row, terms: ScheduleTerms, slot: Slot, under_way: Row) -> None:
    """The schedule's own goal has not ended."""
    name, goal = str(schedule["name"]), str(under_way["goal"])
    handed_on = under_way["until"] is not None and datetime.fromisoformat(under_way["until"]) <= slot.start
    held = under_way["state"] == StartState.HELD and under_way["goal_state"] == GoalState.PAUSED
    if schedule["override"] == Override.START:
        record(tx, name, slot, StartState.SKIPPED, goal=goal, cause=f"{goal} was started by hand and has not ended")
    elif (held or handed_on) and terms.overlap is not Overlap.REPLACE:
        go_on(tx, name, slot, under_way)
    else:
        match terms.overlap:
            case Overlap.SKIP:
                record(tx, name, slot, StartState.SKIPPED, goal=goal, cause=f"{goal} is {under_way['goal_state']}")
            case Overlap.QUEUE:
                record(tx, name, slot, StartState.QUEUED, cause=f"waits for the end of {goal}")
            case Overlap.REPLACE:
                if not under_way["cancelling"]:
                    cancel_goal(tx, goal, f"replaced by a start of schedule {name}")
                record(tx, name, slot, StartState.QUEUED, cause=f"{goal} ends first")
            case _:
                assert_never(terms.overlap)


def go_on(tx: Tx, name: str, slot: Slot, under_way: Row) -> None:
    """The goal that an earlier window left unended goes on in this one; skipped when something else holds it."""
    goal = str(under_way["goal"])
    try:
        if under_way["goal_state"] == GoalState.PAUSED:
            order_goal(tx, goal, GoalOrder.RESUME, f"schedule {name}")
    except Conflict as error:  # its budget is spent, or it is being cancelled
        record(tx, name, slot, StartState.SKIPPED, goal=goal, cause=error.message)
        return
    _settle(tx, under_way, StartState.STARTED)
    record(tx, name, slot, StartState.STARTED, goal=goal, cause=f"{goal} goes on")


def record(
    tx: Tx, name: str, slot: Slot, state: StartState, *, goal: str | None = None, cause: str | None = None
) -> None:
    """A new start with its event; what became of old ones that made nothing is forgotten."""
    bound = slot.until is not None and state in (StartState.DUE, StartState.QUEUED, StartState.STARTED)
    until = stamp(slot.until) if bound and slot.until is not None else None
    tx.run(SCHEDULES["insert_start"], {"schedule": name, "slot": stamp(slot.start), "until": until, "state": state,
                                       "goal": goal, "cause": cause, "at": tx.at})  # fmt: skip
    tx.run(SCHEDULES["forget"], {"schedule": name, "kept": KEPT})
    _tell(tx, name, stamp(slot.start), state, goal, cause)


def taken(tx: Tx, name: str, slot: datetime) -> bool:
    """Whether there was a start of this schedule at this very moment."""
    return tx.one(SCHEDULES["get_start"], {"schedule": name, "slot": stamp(slot)}) is not None


def move_start(
    tx: Tx, start: Row, to: StartState, *, goal: str | None = None, cause: str | None = None, until: str | None = None
) -> None:
    """Move a start that is still in the state that was read, with its event; Conflict when it is not."""
    values = {"schedule": start["schedule"], "slot": start["slot"], "frm": start["state"], "to": to, "goal": goal,
              "cause": cause, "until": until}  # fmt: skip
    if tx.run(SCHEDULES["move_start"], values) != 1:
        raise Conflict(f"the start of {start['schedule']} at {start['slot']} is no longer {start['state']}")
    _tell(tx, str(start["schedule"]), str(start["slot"]), to, goal or start["goal"], cause)


def end_windows(tx: Tx) -> None:
    """What started in a window that is over is paused; what did not get as far is missed."""
    for row in map(dict, tx.all(SCHEDULES["over"], {"at": tx.at})):
        if row["state"] in (StartState.DUE, StartState.QUEUED):
            move_start(tx, row, StartState.MISSED, cause="its window ended before it could start")
        elif row["goal_state"] == GoalState.ACTIVE and not row["cancelling"]:
            hold(tx, row, f"the window of schedule {row['schedule']} is over")
        else:
            _settle(tx, row, StartState.STARTED)


def hold(tx: Tx, start: Row, cause: str) -> None:
    """Pause the goal of a start: what runs of it goes on, and the next window lets it go on."""
    move_goal(tx, str(start["goal"]), GoalState.PAUSED, cause=cause)
    move_start(tx, start, StartState.HELD, cause=cause)


def _settle(tx: Tx, start: Row, to: StartState) -> None:
    """Its window does nothing more to it; nothing to tell."""
    tx.run(SCHEDULES["move_start"], {"schedule": start["schedule"], "slot": start["slot"], "frm": start["state"],
                                     "to": to, "goal": None, "cause": start["cause"], "until": None})  # fmt: skip


def _tell(tx: Tx, name: str, slot: str, state: StartState, goal: str | None, cause: str | None) -> None:
    tx.emit(EVENT[state], goal=goal, schedule=name, slot=slot, **({} if cause is None else {"cause": cause}))
