"""The start of a run's sandbox: raced against whoever asks the run to end, never waited for without end (R101)."""

import asyncio
import logging
from datetime import datetime

from engine.dispatch.claims import Begun, Claimed, mark_all_started
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending
from engine.dispatch.recovery.absence import is_away
from engine.dispatch.runs.doorway import Doorway
from engine.dispatch.runs.preparation import prepare
from engine.dispatch.runs.removing import clear
from engine.dispatch.steps import RUNS
from engine.errors import Conflict, Invalid, NotFound, OutcomeUnknown, PilothouseError
from engine.ids import SafeName
from engine.model import ExitCause, RunState
from engine.redaction import Redactor
from engine.sandbox.driver import Driver, SandboxSpec, Started
from engine.store import Share

log = logging.getLogger(__name__)

START_LIMIT = 300.0  # seconds: beyond the sum of the deadlines of a driver's own calls
LET_GO = 1.0  # seconds an abandoned start may take to hear of it


async def start_sandbox(
    context: Context, driver: Driver, claimed: Claimed, asked: asyncio.Event, door: Doorway
) -> datetime | None:
    """Make the sandbox, its door first; None when the run was asked to end before it was there.

    Raises OutcomeUnknown when the driver gives nothing, or no answer in START_LIMIT seconds. After either, no sandbox
    of this name is left as far as the driver can be reached.
    """
    database, run = context.database, claimed.run
    if asked.is_set():
        if run.state is RunState.STARTING:  # an engine before this one may have got as far as the sandbox
            await clear(context, driver, run.sandbox)
        return None
    await _remove_earlier(context, driver, claimed)
    spec = await prepare(context, driver, claimed)
    if asked.is_set():
        return None
    await door.open(driver, spec.env["PILOTHOUSE_TOKEN"])
    started = await _answer(context, driver, spec, asked)
    if started is None:
        return None
    await database.write(Share(mark_all_started, Begun(run, started.container_id, started.adopted)))
    return context.clock.now()


async def _answer(context: Context, driver: Driver, spec: SandboxSpec, asked: asyncio.Event) -> Started | None:
    """What the driver's start gives; None when it gave nothing within the grace of a run that is to end."""
    starting = asyncio.create_task(driver.start(spec), name=f"start {spec.name}")
    hearing = asyncio.create_task(asked.wait(), name=f"asked {spec.name}")
    try:
        await asyncio.wait({starting, hearing}, timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done() and asked.is_set():
            await asyncio.wait({starting}, timeout=context.settings.sandbox.stop_grace)
        if starting.done() and isinstance(given := starting.result(), Started):
            return given
        gave = "gave nothing" if starting.done() else f"did not answer within {START_LIMIT:g} s"
    finally:
        hearing.cancel()
        starting.cancel()
        await asyncio.wait({starting, hearing}, timeout=LET_GO)
    log.warning("the start of %s was given up: whether it took effect is not known", spec.name)
    await clear(context, driver, spec.name)
    if asked.is_set():
        return None
    raise OutcomeUnknown(f"the {driver.name} driver's start {gave}")


async def _remove_earlier(context: Context, driver: Driver, claimed: Claimed) -> None:
    """A start whose effect was never known may have left a sandbox: it goes before its task gets another (R19)."""
    run = claimed.run
    if run.n > 1:
        for row in await context.database.all(RUNS["perhaps_alive"], {"task": run.task}):
            await driver.remove(SafeName(row["sandbox"]))


async def not_started(driver: Driver | None, claimed: Claimed, error: BaseException, redactor: Redactor) -> Ending:
    """The end of a run that has no sandbox, from the error that kept it from getting one."""
    message = redactor.text(words_of(error))
    hint = getattr(error, "hint", "")
    log.warning("%s did not start: %s", claimed.run.id, message)
    permanent = isinstance(error, NotFound | Invalid | Conflict)
    away = driver is None or (isinstance(error, Exception) and await is_away(driver, error))
    words = f"it could not start: {message}" + (f" ({hint})" if hint else "")
    return Ending(ExitCause.START_ERROR, words, permanent=permanent, below=not permanent, away=away)


def words_of(error: BaseException) -> str:
    """What an error says, never empty; one that is no word to an operator is named by its type."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return words_of(error.exceptions[0])
    if isinstance(error, PilothouseError):
        return error.message or type(error).__name__
    if isinstance(error, OSError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
