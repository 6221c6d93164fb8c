"""The monitor of one sandbox: it measures from outside and keeps facts, nothing else. It moves nothing (R51)."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from engine.clock import Clock
from engine.errors import PilothouseError
from engine.ids import SafeName
from engine.sandbox.driver import Driver, Stats

DEADLINE = 15.0  # seconds one measurement may take
IDLE = 0.01  # of one core: less than this between two measurements is what waiting costs
ENOUGH = 0.3  # seconds one look at a work folder may take; what it has not seen by then tells nothing


class Vitals:
    """What is known of a sandbox from outside, times in monotonic seconds; None: never measured.

    `busy_at`: it used the CPU, `changed_at`: its work folder changed, `reached_at`: it answered. `cpu` in cores.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[float, float] | None = None
        self.busy_at: float | None = None
        self.changed_at: float | None = None
        self.reached_at: float | None = clock.monotonic()
        self.cpu: float | None = None
        self.memory: int | None = None

    async def measure(self, driver: Driver, name: SafeName) -> None:
        """Ask the sandbox once; one that does not answer leaves everything as it was."""
        try:
            async with asyncio.timeout(DEADLINE):
                stats = await driver.stats(name)
        except (PilothouseError, TimeoutError):
            return
        self.note(stats)

    def note(self, stats: Stats) -> None:
        """One measurement: the CPU was used when its counter moved by more than waiting costs."""
        now = self._clock.monotonic()
        self.reached_at, self.memory = now, stats.memory
        if self._last is None:
            self.busy_at = now
        else:
            at, seconds = self._last
            self.cpu = max(0.0, stats.cpu_seconds - seconds) / max(now - at, 1e-3)
            if self.cpu >= IDLE:
                self.busy_at = now
        self._last = (now, stats.cpu_seconds)

    async def look_at(self, folder: Path) -> None:
        """When something in the work folder last changed; unknown where it cannot be seen whole in a moment."""
        age = await asyncio.to_thread(unchanged_for, folder)
        self.changed_at = None if age is None else self._clock.monotonic() - age


def unchanged_for(folder: Path) -> float | None:
    """Seconds since anything in a folder changed (blocking, bounded); None when that cannot be told."""
    newest, until = 0.0, time.monotonic() + ENOUGH
    try:
        for changed in _changes(folder):
            newest = max(newest, changed)
            if time.monotonic() > until:
                return None
    except OSError:
        return None
    return max(0.0, time.time() - newest)


def _changes(folder: Path) -> Iterator[float]:
    """The time of the last change of everything in it; links are not followed."""
    yield os.lstat(folder).st_ctime
    for _, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            yield os.stat(name, dir_fd=at, follow_symlinks=False).st_ctime
