"""Makes the goals of starts that are due: a row first, then its goal, in one commit with what came of the row (R40)."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from engine.dispatch.creation import start_goal
from engine.dispatch.exchange import within
from engine.dispatch.schedules.starts import SCHEDULES, move_start
from engine.errors import Conflict, PilothouseError, StoreError, Unavailable
from engine.events import Event, EventType
from engine.local.admission import Admission
from engine.local.parts import Parts
from engine.local.schedules import goal_of
from engine.model.schedules import ScheduleTerms, StartState
from engine.store import Tx

log = logging.getLogger(__name__)

AGAIN = 30.0  # seconds between attempts while the machine cannot make a goal
PATIENCE = timedelta(hours=1)  # of one start for that; one in a window ends with it at the latest


class Starter:
    """Wakes with each start that is due; what could not be made for want of a daemon is tried again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._admission = Admission(parts)
        self._wake = asyncio.Event()

    def follow(self, events: Sequence[Event]) -> None:
        if any(event.type is EventType.SCHEDULE_DUE for event in events):
            self._wake.set()

    async def run(self) -> None:
        """Make goals for as long as the engine lives."""
        database = self._parts.context.database
        while True:
            self._wake.clear()
            left = False
            try:
                for row in await database.all(SCHEDULES["due"]) if not self._parts.scheduler.draining else ():
                    left |= not await self._start(dict(row))
            except StoreError as error:
                log.warning("schedules wait: %s", error.message)
                left = True
            await within(self._wake, AGAIN if left else None)

    async def _start(self, start: dict[str, Any]) -> bool:
        """Whether it is settled: its goal runs, or it failed for good."""
        context = self._parts.context
        try:
            terms = ScheduleTerms.model_validate_json(start["terms"])
            request = await asyncio.to_thread(goal_of, context.paths, terms)
            ref = terms.external_ref or f"schedule:{start['schedule']}:{start['slot']}"
            request = request.model_copy(update={"external_ref": ref})
            await self._admission.create(request, partial(_started, start=start))
        except StoreError:
            raise
        except Unavailable as error:
            if context.clock.now() - datetime.fromisoformat(start["at"]) < PATIENCE:
                await context.database.write(partial(_put_off, start=start, cause=error.message))
                return False
            await self._fail(start, error.message)
        except Conflict as error:  # what it is about has a goal already, or it was called off
            await self._end(start, StartState.SKIPPED, error.message)
        except PilothouseError as error:
            await self._fail(start, error.message)
        except ValueError as error:
            await self._fail(start, str(error))
        return True

    async def _fail(self, start: dict[str, Any], cause: str) -> None:
        log.warning("schedule %s starts nothing at %s: %s", start["schedule"], start["slot"], cause)
        await self._end(start, StartState.FAILED, cause)

    async def _end(self, start: dict[str, Any], state: StartState, cause: str) -> None:
        with suppress(Conflict):  # it was called off in the same moment
            await self._parts.context.database.write(partial(_ended, start=start, state=state, cause=cause))


def _started(tx: Tx, goal: str, start: dict[str, Any]) -> None:
    """Conflict, and no goal, when the start was called off meanwhile."""
    move_start(tx, start, StartState.STARTED, goal=goal, until=start["until"])
    start_goal(tx, goal)


def _put_off(tx: Tx, start: dict[str, Any], cause: str) -> None:
    tx.run(SCHEDULES["put_off"], {"schedule": start["schedule"], "slot": start["slot"], "cause": cause})


def _ended(tx: Tx, start: dict[str, Any], state: StartState, cause: str) -> None:
    move_start(tx, start, state, cause=cause[:2_000])
