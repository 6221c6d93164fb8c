"""What of the events is worth telling people who are elsewhere."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from engine.api.notices import LONGEST_TEXT, Notice, about_decision, about_engine, about_goal, stage_of
from engine.dispatch.tree.loading import load_graph
from engine.errors import Unreadable
from engine.events import Event, EventType
from engine.local import views
from engine.local.blocking import held_up_by
from engine.model import DecisionState, Severity
from engine.store.rows import decision_from, event_from, goal_from

NEWS = frozenset(
    {EventType.DECISION_OPENED, EventType.DECISION_REMINDED, EventType.DECISION_ESCALATED, EventType.DECISION_WOKEN,
     EventType.GATE_DEADLINE, EventType.GOAL_ENDED, EventType.ENGINE_DEGRADED}
)  # fmt: skip


def stored_notice(row: sqlite3.Row) -> Notice:
    """As it was stored; a damaged one says so in its title."""
    try:
        return Notice.model_validate_json(row["notice"])
    except ValueError:
        words = {"title": "a notice that cannot be read", "text": f"{row['subject']} {row['stage']}"[:LONGEST_TEXT]}
        return Notice(subject=row["subject"], stage=row["stage"], severity=Severity.LOW, **words)


def notices_of(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row], now: datetime) -> list[Notice]:
    """In the order of the events; what is over already is left out."""
    found = (_notice(connection, event, now) for event in map(event_from, rows) if event.type in NEWS)
    return [notice for notice in found if notice is not None]


def _notice(connection: sqlite3.Connection, event: Event, now: datetime) -> Notice | None:
    try:
        if event.type is EventType.GOAL_ENDED:
            return _ended(connection, event)
        if event.type is EventType.ENGINE_DEGRADED:
            return about_engine(event)
        stage = stage_of(event)
        return None if stage is None else _asked(connection, str(event.data.get("decision")), stage, now)
    except Unreadable:  # it is listed as such where it is looked at
        return None


def _asked(connection: sqlite3.Connection, decision: str, stage: str, now: datetime) -> Notice | None:
    row = connection.execute(views.DECISIONS["get"], {"id": decision}).fetchone()
    if row is None or row["state"] != DecisionState.PENDING:
        return None
    record = decision_from(row)
    held = held_up_by(load_graph(connection, record.goal), record.task)
    return about_decision(views.decision_view(connection, record, held), stage, now)


def _ended(connection: sqlite3.Connection, event: Event) -> Notice | None:
    row = connection.execute(views.GOALS["get"], {"id": event.goal}).fetchone()
    if row is None:
        return None
    goal = goal_from(row)
    return about_goal(goal.id, goal.title, goal.state, goal.cause or "", event.seq)
