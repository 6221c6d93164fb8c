"""What a goal waits for: open decisions and gates, and times (R29)."""

import sqlite3
from datetime import datetime

from engine.api import WaitingOn
from engine.dispatch.limits.cooldowns import COOLDOWNS, cooling
from engine.dispatch.steps import DECISIONS, GATES, GOALS, RUNS, TASKS
from engine.dispatch.tree.loading import load_graph
from engine.errors import Unreadable
from engine.events import EventType
from engine.goals.gate_words import gate_words
from engine.model import COMPOUND_GATES, HUMAN_GATES, GateKind, GoalState
from engine.store import Tx
from engine.store.rows import gate_from

MOST_TOLD = 100  # things an event lists; the goal's own view has all of them


def waiting_on(connection: sqlite3.Connection, goal: str) -> tuple[WaitingOn, ...]:
    """Everything that could set this goal going again without new work ending."""
    found = []
    for row in connection.execute(DECISIONS["open_of_goal"], {"goal": goal}).fetchall():
        decision = connection.execute(DECISIONS["get"], {"id": row["id"]}).fetchone()
        found.append(
            WaitingOn(kind="decision", id=decision["id"], task=decision["task"], label=decision["question"],
                      until=_time(decision["deadline"]))
        )  # fmt: skip
    found += _outside(connection, goal)
    for row in connection.execute(TASKS["waiting_on_time"], {"goal": goal}).fetchall():
        found.append(WaitingOn(kind="timer", id=row["id"], task=row["id"], label=f"{row['key']} tries again",
                               until=_time(row["not_before"])))  # fmt: skip
    for row in connection.execute(COOLDOWNS["holding"], {"goal": goal}).fetchall():
        found.append(WaitingOn(kind="timer", id=row["provider"], task=row["task"],
                               label=f"provider {row['provider']} cools down", until=_time(row["until"])))  # fmt: skip
    return tuple(found)


def _outside(connection: sqlite3.Connection, goal: str) -> list[WaitingOn]:
    """Open gates that ask no human: something outside, or the clock, resolves them."""
    found = []
    for row in connection.execute(GATES["open_of_goal"], {"goal": goal}).fetchall():
        kind = GateKind(row["kind"])
        if kind in HUMAN_GATES or kind in COMPOUND_GATES:
            continue  # its question is in the list, or its members are
        what = "timer" if kind is GateKind.TIMER else "gate"
        try:
            label = gate_words(gate_from(row).spec)
        except Unreadable as error:
            label = error.message
        found.append(WaitingOn(kind=what, id=row["id"], task=row["task"], label=label, until=_time(row["deadline"])))
    return found


def is_waiting(connection: sqlite3.Connection, goal: str, now: datetime) -> bool:
    """Nothing of an active goal runs or may start, and something holds it."""
    return _stands_still(connection, goal, now) and bool(waiting_on(connection, goal))


def _stands_still(connection: sqlite3.Connection, goal: str, now: datetime) -> bool:
    row = connection.execute(GOALS["get"], {"id": goal}).fetchone()
    live = connection.execute(RUNS["count_live_of_goal"], {"goal": goal}).fetchone()["n"]
    if row is None or row["state"] != GoalState.ACTIVE or live:
        return False
    return not load_graph(connection, goal).may_start(now, cooling(connection))


def announce_waiting(tx: Tx, goal: str) -> None:
    """One event when nothing of an active goal runs and something holds it."""
    if not _stands_still(tx.connection, goal, tx.now):
        return
    held = waiting_on(tx.connection, goal)
    if held:
        told = [wait.model_dump(mode="json") for wait in held[:MOST_TOLD]]
        tx.emit(EventType.GOAL_WAITING, goal=goal, waiting_on=told, count=len(held))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
