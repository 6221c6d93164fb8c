"""Removing a run's sandbox: after its end, or when nobody knows whether there is one."""

import asyncio
import logging

from engine.dispatch.context import Context
from engine.dispatch.runs.preparation import clean_up
from engine.errors import PilothouseError
from engine.events import EventType
from engine.ids import SafeName
from engine.model import RunRecord
from engine.sandbox.driver import Driver
from engine.store import Tx

log = logging.getLogger(__name__)

CLEARING_CALL = 20.0  # seconds one removal may take
CLEARING = 60.0  # seconds a removal is tried again and again; after them the next start or reconcile sees to it


async def remove_sandbox(context: Context, driver: Driver, sandbox: str, run: str | None) -> None:
    """Remove a sandbox that has ended, and the folders of `run` when its work is kept; what a daemon does not take is
    left to the next reconcile."""
    name = SafeName(sandbox)
    try:
        await driver.kill(name)
        if run is not None:
            await clean_up(context, driver, run)
        await driver.remove(name)  # last: while it is listed, the next engine finds what this one could not finish
    except PilothouseError as error:
        log.warning("%s is not removed yet: %s", sandbox, error.message)


async def clear(context: Context, driver: Driver, sandbox: str) -> None:
    """Remove a sandbox that may or may not exist, as often as that needs and CLEARING seconds allow."""
    name, clock = SafeName(sandbox), context.clock
    last = clock.monotonic() + CLEARING
    while True:
        try:
            async with asyncio.timeout(CLEARING_CALL):
                await driver.kill(name)
                await driver.remove(name)
        except (PilothouseError, TimeoutError) as error:
            log.warning("%s is not removed yet: %s", name, error or type(error).__name__)
            if clock.monotonic() >= last:
                return
            await clock.sleep(1.0)
        else:
            return


def tell_removed(tx: Tx, run: RunRecord) -> None:
    tx.emit(EventType.SANDBOX_REMOVED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox)
