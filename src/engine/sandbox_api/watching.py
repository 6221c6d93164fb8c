"""One watch over all outboxes: however many runs there are, one thread and one inotify instance."""

import asyncio
import logging
from pathlib import Path

log = logging.getLogger(__name__)

GROUPED = 200  # milliseconds at most in which changes are told together
STEP = 50  # milliseconds between looks of the watch
SETTLED = 0.1  # seconds after which a new watch stands, and everything is looked at once
POLL = 1.0  # seconds between looks where the system gives no watch


class OutboxWatch:
    """`add` gives an event that is set when something changed in a folder; `run` does the watching."""

    def __init__(self) -> None:
        self._folders: dict[Path, asyncio.Event] = {}
        self._changed = asyncio.Event()

    def add(self, folder: Path) -> asyncio.Event:
        """Watch a folder too; the event is set once at the beginning, for what lies there already."""
        event = self._folders[folder] = asyncio.Event()
        event.set()
        self._changed.set()
        return event

    def drop(self, folder: Path) -> None:
        if self._folders.pop(folder, None) is not None:
            self._changed.set()

    async def run(self) -> None:
        """Watch for as long as the engine lives."""
        while True:
            if not self._folders:
                await self._changed.wait()
            self._changed = asyncio.Event()
            if self._folders:
                try:
                    await self._watch(tuple(self._folders), self._changed)
                except (OSError, RuntimeError) as error:  # a folder that went, or no more watches on this machine
                    log.debug("outboxes are looked at every %g s: %s", POLL, error)
                    await asyncio.sleep(POLL)
                    self._tell_all()

    async def _watch(self, folders: tuple[Path, ...], changed: asyncio.Event) -> None:
        """Until the folders are others. A look at all comes first: nothing is missed between two watches."""
        from watchfiles import awatch

        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change
        asyncio.get_running_loop().call_later(SETTLED, self._tell_all)
        watch = awatch(*folders, watch_filter=None, debounce=GROUPED, step=STEP, stop_event=changed, recursive=False)
        async for changes in watch:
            for _, path in changes:
                event = self._folders.get(Path(path).parent) or self._folders.get(Path(path))
                if event is not None:
                    event.set()

    def _tell_all(self) -> None:
        for event in self._folders.values():
            event.set()
