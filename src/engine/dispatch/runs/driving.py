"""A run is seen through to its end, whatever its driver dies of: no spin, and nothing is left claimed (R30)."""

import asyncio
import logging
from dataclasses import replace

from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.runs.life import LiveRun
from engine.dispatch.runs.starting import not_started, words_of
from engine.errors import StoreError, Unavailable
from engine.model import DriverName, ExitCause

log = logging.getLogger(__name__)

FOLLOWED = 3  # times a started run is followed in vain before it is ended and a human is asked
LONGEST_PAUSE = 60.0  # seconds between tries at a store or a daemon that is away


async def see_through(context: Context, live: LiveRun) -> None:
    """Drive a run until its end is stored.

    An error that nobody expected ends a run that has not started as a start that failed. One that has started goes on
    without us, so it is followed again, with a growing pause; after FOLLOWED times it is ended with a decision.
    """
    tries = faults = 0
    while True:
        told = live.requested is not None
        error = await context.crew.attempt(f"drive {live.id}", live.drive())
        if error is None or live.over:
            return  # what is left of its sandbox is the reconcile's
        tries += 1
        faults += not _passes(error, started=live.started)
        if faults and (not live.started or faults >= FOLLOWED):
            await _end(context, live, await _ending(context, live, error))
            return
        await _pause(context, live, tries, told=told)


async def _end(context: Context, live: LiveRun, ending: Ending) -> None:
    """End it with its log sealed and its work kept; by its row alone when even that fails."""
    error = await context.crew.attempt(f"end {live.id}", live.conclude(ending))
    tries = 0
    while error is not None and not live.over:
        tries += 1
        bare = _without_work(live, ending, words_of(error))
        if tries > 1:
            await _pause(context, live, tries, told=True)
        error = await context.crew.attempt(f"end {live.id}", live.end(bare))


def _passes(error: BaseException, *, started: bool) -> bool:
    """Whether it is no fault but a part that is away: the store, or the daemon under a sandbox that goes on."""
    if isinstance(error, BaseExceptionGroup):
        return all(_passes(each, started=started) for each in error.exceptions)
    return isinstance(error, Unavailable if started else StoreError)


async def _ending(context: Context, live: LiveRun, error: BaseException) -> Ending:
    run = live.claimed.run
    if live.requested is ExitCause.CANCELLED:
        return Ending(
            ExitCause.CANCELLED, f"it was ended while its driver failed: {live.redactor.text(words_of(error))}"
        )
    if not live.started:
        driver = None if run.driver is DriverName.ENGINE else context.drivers.get(run.driver)
        return await not_started(driver, live.claimed, error, live.redactor)
    words = f"it could not be followed any further: {live.redactor.text(words_of(error))}"
    return Ending(ExitCause.LOST, words, permanent=True)


def _without_work(live: LiveRun, ending: Ending, why: str) -> Ending:
    """The same end for a run whose work could not be looked after; what never started has none."""
    if not live.started or live.claimed.run.driver is DriverName.ENGINE:
        return ending
    return replace(ending, unkept=f"its work could not be kept: {live.redactor.text(why)}")


async def _pause(context: Context, live: LiveRun, tries: int, *, told: bool) -> None:
    """Wait before the next try; it comes at once when the run is asked to end that was not `told` to before."""
    policy = Policy(context.settings.engine, context.ids, context.random)
    seconds = min(policy.backoff(tries).total_seconds(), LONGEST_PAUSE)
    if told:
        await asyncio.sleep(seconds)
    else:
        await live.asked_within(seconds)
