"""Freezing, killing and removing one sandbox by an operator's order (R51, R52)."""

import asyncio
from functools import partial

from engine.dispatch.context import Context
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.preparation import clean_up
from engine.dispatch.steps import RUNS
from engine.errors import Conflict, IllegalMove, NotFound, OutcomeUnknown, PilothouseError
from engine.events import EventType
from engine.ids import SafeName, safe_name
from engine.model import RunRecord, RunState
from engine.sandbox.driver import Driver, OwnedSandbox
from engine.store import Tx

KILL_PATIENCE = 20.0  # seconds until a killed run has stored its end


async def freeze(context: Context, live: LiveRuns, run: RunRecord, by: str) -> None:
    """Stored first and its clocks stopped, then its processes: whatever fails in between, it never idles while frozen.

    OutcomeUnknown leaves it marked as frozen; ordering it again, or thawing it, is fine.
    """
    driver = context.driver(run.driver)
    await context.database.write(partial(_mark, run=run, frozen=True, by=by))
    live.freeze(run.id)
    try:
        await driver.pause(SafeName(run.sandbox))
    except OutcomeUnknown:
        raise
    except PilothouseError:
        live.thaw(run.id)
        await context.database.write(partial(_unmark, run=run, by=by))
        raise


async def thaw(context: Context, live: LiveRuns, run: RunRecord, by: str) -> None:
    """Its processes go on, then its clocks."""
    if not run.frozen:
        raise IllegalMove(f"{run.sandbox} is not frozen", details={"state": run.state})
    await context.driver(run.driver).unpause(SafeName(run.sandbox))
    live.thaw(run.id)
    await context.database.write(partial(_unmark, run=run, by=by))


def _mark(tx: Tx, run: RunRecord, frozen: bool, by: str) -> None:
    stored = tx.one(RUNS["get"], {"id": run.id})
    assert stored is not None
    if stored["state"] != RunState.RUNNING:
        raise IllegalMove(f"{run.sandbox} is {stored['state']}: only a running sandbox is frozen",
                          details={"state": stored["state"]})  # fmt: skip
    if tx.run(RUNS["freeze"], {"id": run.id, "frozen": int(frozen)}) == 1:
        kind = EventType.SANDBOX_PAUSED if frozen else EventType.SANDBOX_THAWED
        tx.emit(kind, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, by=by)


def _unmark(tx: Tx, run: RunRecord, by: str) -> None:
    """Back to not frozen; a run that has ended meanwhile is so already."""
    stored = tx.one(RUNS["get"], {"id": run.id})
    if stored is not None and stored["state"] == RunState.RUNNING:
        _mark(tx, run, False, by)


async def kill(context: Context, live: LiveRuns, run: RunRecord, by: str) -> None:
    """End its processes at once and return when its end is stored; OutcomeUnknown when that takes too long."""
    if run.state is RunState.ENDED:
        raise IllegalMove(f"{run.sandbox} has ended", details={"state": run.state})
    if not live.kill(run.id, by):
        raise Conflict(f"{run.sandbox} is driven by nobody at this moment", hint="order it again in a few seconds")
    driver, name = context.driver(run.driver), SafeName(run.sandbox)
    if run.frozen:
        await driver.unpause(name)  # what stands still may not even hear that it is killed
    await driver.kill(name)  # here too: whoever ends it already may still be waiting for its grace to pass
    try:
        async with asyncio.timeout(KILL_PATIENCE):
            await live.gone(run.id)
    except TimeoutError:
        raise OutcomeUnknown(
            f"{run.sandbox} has not ended within {KILL_PATIENCE:g} s", hint="it is tried on; see pilothouse sandboxes"
        ) from None


async def remove(context: Context, run: RunRecord | None, name: str) -> None:
    """Remove what is left of an ended run's sandbox, or one of ours that no run owns."""
    if run is not None and run.state is not RunState.ENDED:
        raise IllegalMove(f"{name} is alive: its run is {run.state}", hint="kill it, or cancel its task",
                          details={"state": run.state})  # fmt: skip
    driver, owned = await _find(context, safe_name(name))
    if owned.running:
        await driver.kill(owned.name)
    await driver.remove(owned.name)
    await clean_up(context, driver, run.id if run is not None else owned.labels.get("pilothouse.run", "unknown"))


async def _find(context: Context, name: SafeName) -> tuple[Driver, OwnedSandbox]:
    silent: PilothouseError | None = None
    for driver in context.drivers.values():
        try:
            owned = await driver.list_owned()
        except PilothouseError as error:
            silent = error
            continue
        for sandbox in owned:
            if sandbox.name == name:
                return driver, sandbox
    if silent is not None:
        raise silent  # could not check is not gone (R42)
    raise NotFound(f"there is no sandbox {name} of this engine", hint="an ended one is removed by itself, as a rule")
