"""All logs of a project stay within `sandbox.log_total` for as long as its engine lives."""

import asyncio
import logging

from engine.about import about
from engine.dispatch.context import Context
from engine.dispatch.steps import RUNS
from engine.errors import StoreError
from engine.sandbox.logs import LogRoom

log = logging.getLogger(__name__)


async def keep_logs_within(context: Context) -> None:
    """Look every `engine.reconcile_interval`; the store says which runs live, and their logs are never dropped."""
    room = LogRoom(context.paths.logs, context.settings.sandbox.log_total)
    while True:
        try:
            live = {row["id"] for row in await context.database.all(RUNS["live"])}
            for run in await asyncio.to_thread(room.trim, live, context.clock.now()):
                with about(run=run):
                    log.info("the log of %s was dropped: sandbox.log_total", run)
        except (StoreError, OSError) as error:
            log.warning("the room of the logs is not known now: %s", error)
        await context.clock.sleep(context.settings.engine.reconcile_interval)
