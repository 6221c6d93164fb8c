"""Orders to a sandbox that have to be carried out, whenever its daemon can; and why, stored before them."""

import logging
from collections.abc import Awaitable, Callable

from engine.clock import Clock
from engine.dispatch.steps import RUNS
from engine.errors import Conflict, DaemonUnavailable, NotFound, OutcomeUnknown, StoreError
from engine.model import ExitCause
from engine.store import Database

log = logging.getLogger(__name__)
AGAIN = 1.0  # seconds


async def insist(clock: Clock, sandbox: str, order: Callable[[], Awaitable[None]], what: str) -> None:
    """Keep at it until the daemon has taken the order: a call that failed has no known effect."""
    while True:
        try:
            await order()
        except (DaemonUnavailable, OutcomeUnknown) as error:
            log.warning("%s could not be %s yet: %s", sandbox, what, error.message)
            await clock.sleep(AGAIN)
        except (NotFound, Conflict):
            return  # it has ended: whoever waits for that is told
        else:
            return


async def store_asked(database: Database, run: str, cause: ExitCause | None, by: str) -> None:
    """Why a run is ended, stored before it is (R95): whichever engine sees its end knows that it was no accident.

    `by`: who killed it, empty when nobody did.
    """
    try:
        await database.write(lambda tx: tx.run(RUNS["ask"], {"id": run, "cause": cause, "by": by or None}))
    except StoreError as error:  # what has to end ends all the same
        log.warning("%s ends, and why is not stored: %s", run, error.message)
