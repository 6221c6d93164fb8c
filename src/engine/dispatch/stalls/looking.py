"""The look at what every live run shows of life; dispatch alone concludes, and it needs two signs (R50, R51)."""

import asyncio
import logging
from functools import partial
from typing import assert_never

from engine.cancellation import apart
from engine.dispatch.context import Context
from engine.dispatch.runs.life import LiveRun
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.starting import words_of
from engine.dispatch.stalls.activity import Assessment, Facts, Thresholds, assess
from engine.dispatch.stalls.answers import end_stall, tell_stalled
from engine.errors import PilothouseError, StoreError
from engine.ids import SafeName
from engine.model import Activity, DriverName
from engine.settings import EngineSettings
from engine.supervisor import Consequence
from engine.units import format_duration

log = logging.getLogger(__name__)

AT_ONCE = 4  # sandboxes that are measured at the same time


async def keep_stalls(context: Context, live: LiveRuns) -> None:
    """Look for as long as the engine lives."""
    while True:
        await context.clock.sleep(context.settings.engine.stall_interval)
        try:
            await apart(look(context, live))
        except* StoreError as refused:
            log.warning("a stall cannot be told of: %s", words_of(refused))


async def look(context: Context, live: LiveRuns) -> None:
    """Measure and assess every live sandbox; tell of those that have stalled since the last look."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(run: LiveRun) -> None:
        async with room:
            await _look_at(context, run)

    async with asyncio.TaskGroup() as group:
        for run in live:
            if run.pulse.followed and not run.over and run.claimed.run.driver is not DriverName.ENGINE:
                group.create_task(one(run), name=f"look at {run.id}")


async def _look_at(context: Context, run: LiveRun) -> None:
    driver = context.driver(run.claimed.run.driver)
    limits = thresholds(run, context.settings.engine)
    if run.log is not None:
        run.pulse.listen(run.log.total, run.signs)
    measuring = run.pulse.vitals.measure(driver, SafeName(run.claimed.run.sandbox))
    error = await context.crew.attempt(f"measure {run.id}", measuring, on_crash=Consequence.HANDED_BACK)
    if error is not None:  # what a driver should never do; the sandbox has not answered
        log.warning("%s cannot be measured: %s", run.id, words_of(error))
    if run.signs.repeats >= limits.repeats:  # only then is the work folder worth a look
        try:
            await run.pulse.vitals.look_at(driver.work_folder(run.id))
        except PilothouseError as error:
            log.info("the work folder of %s cannot be looked at: %s", run.id, error.message)
    if run.signs.waits or run.clocks.frozen:
        run.signs.rest()
    before, now = run.pulse.assessment, context.clock.monotonic()
    found = assess(facts_of(run), now, limits)
    await _conclude(context, run, before, found)  # first: what could not be stored is told at the next look
    run.pulse.assessment = found


def thresholds(run: LiveRun, settings: EngineSettings) -> Thresholds:
    """Those of its task, where the goal file has some, over those of the engine."""
    own = run.claimed.task.spec.stall
    quiet = settings.stall_quiet if own is None or own.quiet is None else own.quiet
    repeats = settings.stall_repeats if own is None or own.repeats is None else own.repeats
    return Thresholds(quiet, repeats)


def facts_of(run: LiveRun) -> Facts:
    """What a live run shows, and what was measured of it from outside."""
    signs, vitals = run.signs, run.pulse.vitals
    return Facts(
        began=signs.began,
        rested_at=signs.rested_at, shown=dict(signs.shown), waits=dict(signs.waits), frozen=run.clocks.frozen,
        action=run.redactor.text(signs.action), repeats=signs.repeats, repeating_since=signs.repeating_since,
        busy_at=vitals.busy_at, changed_at=vitals.changed_at, reached_at=vitals.reached_at,
    )  # fmt: skip


async def _conclude(context: Context, run: LiveRun, before: Assessment | None, found: Assessment) -> None:
    was = before is not None and before.stalled
    settings = context.settings.engine
    if found.stalled and not was:
        unit = partial(tell_stalled, run=run.id, found=found, action=settings.stall_action, ids=context.ids)
        await context.database.write(unit)
    elif was and not found.stalled:
        await context.database.write(partial(end_stall, run=run.id))


def sentence(found: Assessment) -> str:
    """What it does, in one line."""
    age = format_duration(found.age)
    match found.activity:
        case Activity.WORKING:
            return f"it works: its last sign of life is {age} old"
        case Activity.WAITING:
            return f"it waits: {found.evidence[0].words}"
        case Activity.QUIET:
            return f"it has been quiet for {age}"
        case Activity.REPEATING:
            return f"it has repeated itself for {age}"
        case Activity.LOST:
            return f"it is lost: its sandbox has not answered for {age}"
        case _:
            assert_never(found.activity)
