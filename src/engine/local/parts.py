"""What one engine is made of, and how it comes apart."""

import asyncio
import os
import socket
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any

from engine.api import Cooldown, EngineInfo, NextStart
from engine.bus import Bus
from engine.dispatch.context import Context
from engine.dispatch.decisions.answers import Answers
from engine.dispatch.gates.watching import Watcher
from engine.dispatch.limits.cooldowns import PART, cooling
from engine.dispatch.limits.cooldowns import words as cooldown_words
from engine.dispatch.limits.outage import stored, words
from engine.dispatch.recovery.deaths import let_go
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.scheduler import Scheduler
from engine.errors import StoreError
from engine.events import Event, EventType
from engine.instance_lock import InstanceLock
from engine.local.notifying import Notifier
from engine.model import BreakerState, DriverName, Runtime
from engine.store import Tx
from engine.supervisor import Consequence

REMOVAL_GRACE = 15.0  # seconds


@dataclass
class Parts:
    """Everything an engine owns. `fatal` names the part whose death ended it; `notices` are for the operator;
    `overrides`: what was set live, by name; `settings_words`: what is to be said of the files of settings; `breaker`
    is as it was last committed, `outage` what there is to say about it; `away`: drivers that do not answer."""

    context: Context
    bus: Bus
    live: LiveRuns
    answers: Answers
    scheduler: Scheduler
    watcher: Watcher
    notifier: Notifier
    lock: InstanceLock
    visiting: bool
    started_at: datetime
    driver: DriverName | None = None
    notices: list[str] = field(default_factory=list)
    breaker: BreakerState = BreakerState.CLOSED
    outage: str = ""
    away: Mapping[DriverName, str] = field(default_factory=dict)
    cooling: dict[str, datetime] = field(default_factory=dict)
    overrides: dict[str, object] = field(default_factory=dict)
    settings_words: tuple[str, ...] = ()
    fatal: str | None = None
    _told: bool = False
    _closed: bool = False

    def info(self) -> EngineInfo:
        context = self.context
        now = context.clock.now()
        cooldowns = [Cooldown(provider=name, until=until) for name, until in self.cooling.items() if until > now]
        cooler = [cooldown_words(cooldown.provider, cooldown.until) for cooldown in cooldowns]
        return EngineInfo(
            id=context.engine,
            state="visiting" if self.visiting else "draining" if self.scheduler.draining else "running",
            pid=os.getpid(),
            host=socket.gethostname(),
            version=version("pilothouse"),
            project=str(context.paths.root),
            runtime=context.settings.sandbox.runtime,
            driver=self.driver,
            live_runs=len(self.live),
            max_parallel=context.settings.engine.max_parallel,
            dispatch=self.scheduler.dispatching,
            seq=context.database.last_seq,
            started_at=self.started_at,
            notices=tuple(
                filter(
                    None,
                    (
                        self._off(),
                        self.scheduler.trouble,
                        self.outage,
                        *self._away(),
                        *cooler,
                        *self._aside(),
                        *self.notifier.words(),
                        *self.settings_words,
                        *self.notices,
                    ),
                )
            ),
            breaker=self.breaker,
            cooldowns=tuple(cooldowns),
            next_start=self._next_start(),
        )

    def _next_start(self) -> NextStart | None:
        coming = None if self.scheduler.draining else self.scheduler.book.next
        return None if coming is None else NextStart(schedule=coming[0], at=coming[1])

    def _away(self) -> list[str]:
        """What new sandboxes are made with and does not answer; an engine of processes alone needs no daemon."""
        needed = self.context.settings.sandbox.runtime is not Runtime.PROCESS
        return sorted(self.away.values()) if needed else []

    def _aside(self) -> list[str]:
        return sorted(self.scheduler.aside.values())

    def _off(self) -> str:
        off = "dispatch is off: nothing new starts in any goal (`pilothouse dispatch on`)"
        return "" if self.scheduler.dispatching else off

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self.context.crew.start(name, work, on_crash=Consequence.STOP_ENGINE)

    def idle(self) -> str:
        """Why this engine starts nothing at all; empty when it does."""
        if self.visiting:
            return "no engine runs that would start it (`pilothouse serve`)"
        return "the engine ends as soon as what runs has ended: nothing new starts" if self.scheduler.draining else ""

    def drain(self) -> None:
        """Start nothing more."""
        self.scheduler.draining = True

    def notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    async def read_breaker(self) -> None:
        """What an earlier engine stored of it, and of providers that cool down."""
        self.cooling = await self.context.database.read(cooling)
        breaker = await self.context.database.read(stored)
        self.breaker, self.outage = breaker.state, words(breaker)

    def follow(self, events: Sequence[Event]) -> None:
        """Keep what `info` says true to what was committed."""
        for event in events:
            if event.data.get("part") == PART:
                self._cooled(event)
            if "breaker" in event.data:
                self.breaker, self.outage = BreakerState(str(event.data["breaker"])), str(event.data.get("message", ""))

    def _cooled(self, event: Event) -> None:
        provider = str(event.data["provider"])
        if event.type is EventType.ENGINE_DEGRADED:
            self.cooling[provider] = datetime.fromisoformat(str(event.data["until"]))
        else:
            self.cooling.pop(provider, None)

    async def tell_stopped(self) -> None:
        """The last event, then the end of every subscription; once."""
        if self._told:
            return
        self._told = True
        if not self.visiting:
            with suppress(StoreError):  # a store that refuses is told of elsewhere; the rest closes all the same
                await self.context.database.write(_stopped)
        self.bus.close()

    async def close(self) -> None:
        """Background work, subscriptions, drivers, store, lock: in this order, on every path, once.

        Runs that are over get a moment to remove their sandboxes; the next engine removes what is left.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(REMOVAL_GRACE):
                    await self.live.cleaned()
            await self.context.crew.close()
            await self.notifier.close()
            await self.tell_stopped()
            for driver in self.context.drivers.values():
                await driver.close()
        finally:
            await self.context.database.close()
            self.lock.release()


def _stopped(tx: Tx) -> None:
    let_go(tx)
    tx.emit(EventType.ENGINE_STOPPED)
