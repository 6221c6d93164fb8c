"""What one engine is made of, and how it comes apart."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any

from engine.api import EngineInfo
from engine.bus import Bus
from engine.dispatch.answers import Answers
from engine.dispatch.context import Context
from engine.dispatch.live import LiveRuns
from engine.dispatch.scheduler import Scheduler
from engine.errors import StoreError
from engine.events import EventType
from engine.instance_lock import InstanceLock
from engine.model import DriverName
from engine.supervisor import Consequence

REMOVAL_GRACE = 15.0  # seconds


@dataclass
class Parts:
    """Everything an engine owns. `fatal` names the part whose death ended it; `notices` are for the operator."""

    context: Context
    bus: Bus
    live: LiveRuns
    answers: Answers
    scheduler: Scheduler
    lock: InstanceLock
    visiting: bool
    started_at: datetime
    driver: DriverName | None = None
    notices: list[str] = field(default_factory=list)
    fatal: str | None = None
    _told: bool = False
    _closed: bool = False

    def info(self) -> EngineInfo:
        context = self.context
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
            seq=context.database.last_seq,
            started_at=self.started_at,
            notices=tuple(self.notices),
        )

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self.context.crew.start(name, work, on_crash=Consequence.STOP_ENGINE)

    def drain(self) -> None:
        """Start nothing more."""
        self.scheduler.draining = True

    def notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    async def tell_stopped(self) -> None:
        """The last event, then the end of every subscription; once."""
        if self._told:
            return
        self._told = True
        if not self.visiting:
            with suppress(StoreError):  # a store that refuses is told of elsewhere; the rest closes all the same
                await self.context.database.write(lambda tx: tx.emit(EventType.ENGINE_STOPPED))
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
            await self.tell_stopped()
            for driver in self.context.drivers.values():
                await driver.close()
        finally:
            await self.context.database.close()
            self.lock.release()
