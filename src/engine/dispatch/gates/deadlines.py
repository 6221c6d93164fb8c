"""Deadlines of gates: rows, fired from the engine's own clock with nobody attached (R74)."""

import logging
import sqlite3
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from engine.dispatch.decisions.approving import DECIDING, EVERYBODY, ApprovalPolicy
from engine.dispatch.gates.resolving import settle
from engine.dispatch.limits.cooldowns import COOLDOWNS
from engine.dispatch.steps import DECISIONS, GATES
from engine.errors import Conflict, Unreadable
from engine.events import EventType
from engine.model import COMPOUND_GATES, GateKind, GateRecord, OnDeadline, Risk
from engine.store import Database, Tx, stamp
from engine.store.rows import gate_from

log = logging.getLogger(__name__)

ACTOR = "deadline"
TIMER = "timer"


def next_due(connection: sqlite3.Connection) -> datetime | None:
    """When the next staged answer, gate deadline, timer or end of a cooldown wants attention."""
    times = [row["effective_at"] for row in connection.execute(DECISIONS["staged"])]
    times += [row["at"] for row in connection.execute(GATES["next_deadline"]) if row["at"] is not None]
    times += [row["until"] for row in connection.execute(COOLDOWNS["live"])]
    return datetime.fromisoformat(min(times)) if times else None


async def fire_deadlines(database: Database, now: datetime, policy: ApprovalPolicy = EVERYBODY) -> None:
    """Apply every gate deadline that has passed; an answer staged before it stands, or is undone, first. No deadline
    lets through what `policy` keeps for people."""
    for row in await database.all(GATES["due"], {"at": stamp(now)}):
        try:
            await _fire(database, gate_from(row), policy)
        except Unreadable as error:  # the gate itself, or one around it
            log.error("its deadline does nothing: %s", error.message)
            await database.write(partial(_drop, gate=row["id"]))


def _drop(tx: Tx, gate: str) -> None:
    tx.run(GATES["drop_deadline"], {"id": gate})


async def _fire(database: Database, gate: GateRecord, policy: ApprovalPolicy) -> None:
    def unit(tx: Tx) -> None:
        if gate.kind is GateKind.TIMER:
            settle(tx, gate.id, passed=True, actor=TIMER)
            return
        row = tx.one(GATES["get"], {"id": gate.id})
        if row is None or row["state"] != gate.state:
            raise Conflict(f"{gate.id} is not open")
        told = {"gate": gate.id, "then": gate.on_deadline, "actor": ACTOR}
        tx.emit(EventType.GATE_DEADLINE, goal=gate.goal, task=gate.task, **told, **_escalated(tx, gate))
        match gate.on_deadline:
            case OnDeadline.REMIND | OnDeadline.ESCALATE:
                tx.run(GATES["drop_deadline"], {"id": gate.id})
            case OnDeadline.FAIL:
                settle(tx, gate.id, passed=False, actor=ACTOR, cause="no answer by its deadline")
            case OnDeadline.APPROVE:
                held = _held_back(tx, gate, policy)
                cause = f"its deadline could not let it pass: {held}" if held else "its deadline let it pass"
                settle(tx, gate.id, passed=not held, actor=ACTOR, cause=cause)
            case _:
                assert_never(gate.on_deadline)

    try:
        await database.write(unit)
    except Unreadable:
        raise
    except Conflict:
        return  # answered in the same moment: the answer stands


def _held_back(tx: Tx, gate: GateRecord, policy: ApprovalPolicy) -> str:
    """Why nobody but a human may let it through at this moment; empty when its deadline may."""
    asked = tx.one(DECIDING["open_questions"], {"goal": gate.goal})
    if asked is not None:
        return f"{asked['id']} is open: {asked['question'][:200]}"
    if not (policy.second or policy.names):
        return ""
    query, values = DECISIONS["open_of_subject"], {"subject": gate.id}
    if gate.kind in COMPOUND_GATES:
        query, values = DECISIONS["open_of_task"], {"task": gate.task}
    high = [row["id"] for row in tx.all(query, values) if row["risk"] == Risk.HIGH]
    return f"{high[0]} is of high risk and takes a name that may approve it" if high else ""


def _escalated(tx: Tx, gate: GateRecord) -> dict[str, Any]:
    """An escalated question stands above the others from here on, and says why."""
    if gate.on_deadline is not OnDeadline.ESCALATE:
        return {}
    tx.run(DECISIONS["escalate"], {"subject": gate.id, "reason": "nobody answered by its deadline"})
    asked = tx.one(DECISIONS["open_of_subject"], {"subject": gate.id})
    return {} if asked is None else {"decision": asked["id"], "version": asked["version"]}
