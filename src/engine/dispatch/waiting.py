"""What a goal waits for: open decisions and gates, and times (R29)."""

import sqlite3
from datetime import datetime

from engine.api import WaitingOn
from engine.dispatch.loading import load_graph
from engine.dispatch.steps import DECISIONS, GOALS, RUNS, TASKS
from engine.events import EventType
from engine.model import GoalState
from engine.store import Tx


def waiting_on(connection: sqlite3.Connection, goal: str) -> tuple[WaitingOn, ...]:
    """Everything that could set this goal going again without new work ending."""
    found = []
    for row in connection.execute(DECISIONS["open_of_goal"], {"goal": goal}).fetchall():
        decision = connection.execute(DECISIONS["get"], {"id": row["id"]}).fetchone()
        found.append(
            WaitingOn(kind="decision", id=decision["id"], task=decision["task"], label=decision["question"],
                      until=_time(decision["deadline"]))
        )  # fmt: skip
    for row in connection.execute(TASKS["waiting_on_time"], {"goal": goal}).fetchall():
        found.append(WaitingOn(kind="timer", id=row["id"], task=row["id"], label=f"{row['key']} tries again",
                               until=_time(row["not_before"])))  # fmt: skip
    return tuple(found)


def is_waiting(connection: sqlite3.Connection, goal: str, now: datetime) -> bool:
    """Nothing of an active goal runs or may start, and something holds it."""
    row = connection.execute(GOALS["get"], {"id": goal}).fetchone()
    live = connection.execute(RUNS["count_live_of_goal"], {"goal": goal}).fetchone()["n"]
    if row is None or row["state"] != GoalState.ACTIVE or live or not waiting_on(connection, goal):
        return False
    return not load_graph(connection, goal).may_start(now)


def announce_waiting(tx: Tx, goal: str) -> None:
    """One event when nothing of an active goal runs and something holds it."""
    if is_waiting(tx.connection, goal, tx.now):
        held = waiting_on(tx.connection, goal)
        tx.emit(EventType.GOAL_WAITING, goal=goal, waiting_on=[w.model_dump(mode="json") for w in held])


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
