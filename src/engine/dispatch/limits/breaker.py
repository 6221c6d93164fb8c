"""The breaker under all sandboxes: a pure state machine over what starts and ends tell of the machine (R36, R100)."""

from datetime import datetime, timedelta
from random import Random
from typing import assert_never

from pydantic import BaseModel, ConfigDict

from engine.model import BreakerState
from engine.settings import EngineSettings

LONGEST_PAUSE = timedelta(minutes=10)


class Loss(BaseModel):
    """A run that ended for a reason below its task."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    task: str
    run: str
    at: datetime


class Breaker(BaseModel):
    """Closed: runs start. Open: none does before `until`. Half-open: `probe` alone has started, and decides.

    `losses` inside the window count while it is closed; `trips` in a row make the pause longer; `asked`: a human has
    answered about this outage, or need not be asked again; `cause`: what ended the run that opened it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    state: BreakerState = BreakerState.CLOSED
    losses: tuple[Loss, ...] = ()
    trips: int = 0
    until: datetime | None = None
    probe: str | None = None
    closed_at: datetime | None = None
    cause: str = ""
    asked: bool = False

    def lost(self, loss: Loss, cause: str, enough: int, settings: EngineSettings, random: Random) -> "Breaker":
        """A run was lost: `enough` different tasks inside the window open it, and so does the probe."""
        match self.state:
            case BreakerState.CLOSED:
                oldest = loss.at - timedelta(seconds=settings.breaker_window)
                losses = (*(earlier for earlier in self.losses if oldest < earlier.at <= loss.at), loss)
                if len({each.task for each in losses}) < enough:
                    return self.model_copy(update={"losses": losses})
                soon = self.closed_at is not None and loss.at - self.closed_at < LONGEST_PAUSE
                trips = self.trips + 1 if soon else 1
                opened = Breaker(losses=losses, trips=trips, cause=cause, closed_at=self.closed_at)
            case BreakerState.HALF_OPEN if loss.run == self.probe:
                opened = self.model_copy(update={"trips": self.trips + 1, "cause": cause, "probe": None})
            case BreakerState.OPEN | BreakerState.HALF_OPEN:
                return self
            case _:
                assert_never(self.state)
        until = loss.at + pause(opened.trips, settings, random)
        return opened.model_copy(update={"state": BreakerState.OPEN, "until": until})

    def wait(self, now: datetime) -> float:
        """Seconds until an open one lets a probe start. A clock that was set back makes nothing wait longer."""
        if self.state is not BreakerState.OPEN or self.until is None:
            return 0.0
        left = self.until - now
        return 0.0 if left > LONGEST_PAUSE else max(0.0, left.total_seconds())

    def probing(self, run: str) -> "Breaker":
        """This run, and no other, is let through."""
        return self.model_copy(update={"state": BreakerState.HALF_OPEN, "probe": run, "until": None})

    def unproved(self, now: datetime) -> "Breaker":
        """The probe ended and proved nothing (it was cancelled, or its task cannot start): the next one may go."""
        return self.model_copy(update={"state": BreakerState.OPEN, "probe": None, "until": now})

    def closed(self, now: datetime) -> "Breaker":
        """Runs start again; how often it tripped is kept for a while, so that one that flaps waits longer."""
        return Breaker(trips=self.trips, closed_at=now)

    def held(self, now: datetime) -> "Breaker":
        """A human wants it to stay open: the next probe goes after the longest pause."""
        until = now + LONGEST_PAUSE if self.state is BreakerState.OPEN else self.until
        return self.model_copy(update={"until": until, "asked": True})


def pause(trips: int, settings: EngineSettings, random: Random) -> timedelta:
    """Doubling from `breaker_backoff` with each trip, jittered by a quarter, clamped."""
    seconds = settings.breaker_backoff * 2.0 ** min(trips - 1, 20) * (0.75 + random.random() / 2)
    return min(timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds())), LONGEST_PAUSE)
