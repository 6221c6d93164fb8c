"""Interrupting the turn of a run by an operator's order: stored first, then signalled."""

from datetime import datetime
from functools import partial

from engine.dispatch.context import Context
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.steps import RUNS
from engine.errors import Conflict, IllegalMove, Invalid, OutcomeUnknown, PilothouseError
from engine.events import EventType
from engine.ids import SafeName
from engine.model import DriverName, RunRecord, RunState
from engine.store import Tx, stamp


async def interrupt(context: Context, live: LiveRuns, run: RunRecord, by: str) -> None:
    """INT to the main process of its sandbox; what that makes of it is its own affair, and its run goes on or ends.

    Stored before it is sent, so that an end by it is never taken for a failure; taken back when it was not sent.
    OutcomeUnknown leaves it stored; ordering it again is fine.
    """
    if run.driver is DriverName.ENGINE:
        raise Invalid(f"{run.id} is the engine's own work and has no sandbox")
    at = context.clock.now()
    await context.database.write(partial(_store, run=run, by=by, at=at))
    live.interrupted(run.id, by, at)
    try:
        await context.driver(run.driver).interrupt(SafeName(run.sandbox))
    except OutcomeUnknown:
        raise
    except PilothouseError as error:
        live.interrupted(run.id, run.interrupted_by, run.interrupted_at)
        await context.database.write(partial(_take_back, run=run, by=by, why=error.message))
        raise


def _store(tx: Tx, run: RunRecord, by: str, at: datetime) -> None:
    stored = tx.one(RUNS["get"], {"id": run.id})
    assert stored is not None
    if stored["state"] != RunState.RUNNING:
        raise IllegalMove(f"{run.id} is {stored['state']}: only a run that is running is interrupted",
                          details={"state": stored["state"]})  # fmt: skip
    if stored["frozen"]:
        raise Conflict(f"{run.sandbox} is frozen: what stands still hears no interrupt",
                       hint=f"`pilothouse thaw {run.id}` first", details={"state": "frozen"})  # fmt: skip
    tx.run(RUNS["interrupt"], {"id": run.id, "by": by, "at": stamp(at)})
    tx.emit(EventType.RUN_INTERRUPTED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, by=by)


def _take_back(tx: Tx, run: RunRecord, by: str, why: str) -> None:
    """It was not sent: what stood there before stands there again, and a second event says so."""
    before = None if run.interrupted_at is None else stamp(run.interrupted_at)
    tx.run(RUNS["interrupt"], {"id": run.id, "by": run.interrupted_by, "at": before})
    tx.emit(EventType.RUN_INTERRUPTED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, by=by, failed=why)
