"""Deadlines of gates: rows, fired from the engine's own clock with nobody attached (R74)."""

from datetime import datetime

from engine.dispatch.closing import end_decision
from engine.dispatch.effects import close_gate
from engine.dispatch.moves import move
from engine.dispatch.steps import DECISIONS, GATES
from engine.errors import Conflict
from engine.events import EventType
from engine.model import GateRecord, OnDeadline, TaskState
from engine.store import Database, Tx
from engine.store.rows import gate_from

ACTOR = "deadline"


async def next_due(database: Database) -> datetime | None:
    """When the next staged answer or gate deadline wants attention."""
    times = [row["effective_at"] for row in await database.all(DECISIONS["staged"])]
    times += [row["deadline"] for row in await database.all(GATES["deadlines"])]
    return datetime.fromisoformat(min(times)) if times else None


async def fire_deadlines(database: Database, now: datetime) -> None:
    """Apply every gate deadline that has passed; an answer staged before it stands, or is undone, first."""
    for row in await database.all(GATES["deadlines"]):
        gate = gate_from(row)
        if gate.deadline is not None and gate.deadline <= now:
            await _fire(database, gate)


async def _fire(database: Database, gate: GateRecord) -> None:
    def unit(tx: Tx) -> None:
        tx.emit(EventType.GATE_DEADLINE, goal=gate.goal, task=gate.task, gate=gate.id, then=gate.on_deadline)
        match gate.on_deadline:
            case OnDeadline.REMIND:
                tx.run(GATES["drop_deadline"], {"id": gate.id})
            case OnDeadline.FAIL:
                _end(tx, gate, passed=False)
                move(tx, gate.task, TaskState.FAILED, frm=(TaskState.WAITING,), cause="no answer by its deadline")
            case OnDeadline.APPROVE:
                _end(tx, gate, passed=True)
                move(tx, gate.task, TaskState.DONE, frm=(TaskState.WAITING,), cause="its deadline let it pass")

    try:
        await database.write(unit)
    except Conflict:
        return  # answered in the same moment: the answer stands


def _end(tx: Tx, gate: GateRecord, *, passed: bool) -> None:
    close_gate(tx, gate.id, passed=passed, actor=ACTOR)
    for decision in tx.all(DECISIONS["open_of_task"], {"task": gate.task}):
        end_decision(tx, dict(decision), "expired", by=ACTOR)
