"""Reminders and escalation by age: a row per stage, so that each goes out once, whatever restarts (R85)."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from engine.dispatch.decisions.lifecycle import get
from engine.events import EventType
from engine.model import AgeingKind, DecisionState
from engine.settings import DecisionSettings
from engine.store import Database, Tx, named_queries, stamp

DECIDING = named_queries("deciding")
EVENT = {AgeingKind.REMIND: EventType.DECISION_REMINDED, AgeingKind.ESCALATE: EventType.DECISION_ESCALATED}


def stages(settings: DecisionSettings) -> Iterator[tuple[AgeingKind, int, timedelta]]:
    """(remind or escalate, its number from 1, the age in which it goes out)."""
    for kind, ages in ((AgeingKind.REMIND, settings.remind_after), (AgeingKind.ESCALATE, settings.escalate_after)):
        for stage, age in enumerate(sorted(ages), 1):
            yield kind, stage, timedelta(seconds=age)


def next_reminder(connection: sqlite3.Connection, settings: DecisionSettings) -> datetime | None:
    """When the next stage of any decision is due."""
    times = []
    for kind, stage, age in stages(settings):
        row = connection.execute(DECIDING["next_untold"], {"kind": kind, "stage": stage}).fetchone()
        if row is not None and row["opened_at"] is not None:
            times.append(datetime.fromisoformat(row["opened_at"]) + age)
    return min(times, default=None)


async def remind_due(database: Database, settings: DecisionSettings, now: datetime) -> None:
    """Tell of every pending decision whose next stage has come; one that was put off is told of once it is shown."""
    for kind, stage, age in stages(settings):
        values = {"kind": kind, "stage": stage, "opened": stamp(now - age)}
        for row in await database.all(DECIDING["untold"], values):
            await database.write(partial(_tell, decision=str(row["id"]), kind=kind, stage=stage))


def _tell(tx: Tx, decision: str, kind: AgeingKind, stage: int) -> None:
    """The row and the event in one transaction; nothing when it was answered in the same moment."""
    held = get(tx, decision)
    if held.state is not DecisionState.PENDING:
        return
    tx.run(DECIDING["told"], {"decision": held.id, "kind": kind, "stage": stage, "at": tx.at})
    age = round((tx.now - held.opened_at).total_seconds(), 3)
    tx.emit(EVENT[kind], goal=held.goal, task=held.task, decision=held.id, version=held.version, stage=stage,
            age=age, question=held.question, to=held.delegate)  # fmt: skip
