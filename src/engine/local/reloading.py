"""Files of settings, read again when they are saved: what can be taken over is, the rest is said."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from engine.cancellation import apart
from engine.dispatch.runs.starting import words_of
from engine.errors import Invalid, StoreError
from engine.events import EventType
from engine.local.live_settings import ELSEWHERE, TAKES, Takes, leaves, told, with_leaves
from engine.local.parts import Parts
from engine.settings import SettingsSource
from engine.store import Tx

log = logging.getLogger(__name__)

GROUPED = 200  # milliseconds at most in which changes of files are told together
STEP = 50  # milliseconds between looks of the watch
BEGIN = 0.5  # seconds an engine has for its start
SETTLED = 0.2  # seconds after which a new watch stands; what was saved before it stood is read then
POLL = 5.0  # seconds between looks where the system gives no watch


class Reloader:
    """What was typed (variables, flags) and what was set live still counts more than any file."""

    def __init__(self, parts: Parts, source: SettingsSource) -> None:
        self._parts = parts
        self._source = source
        self._started = leaves(parts.context.settings)
        self._seen = dict(self._started)
        self._trouble = ""
        self._restart: tuple[str, ...] = ()

    async def run(self) -> None:
        """Watch for as long as the engine lives; one that is over at once never loads what watches."""
        await asyncio.sleep(BEGIN)
        while True:
            try:
                await apart(self._read_and_watch())
            except* (OSError, RuntimeError) as broken:  # a folder that went, or no more watches on this machine
                log.debug("settings are looked at every %g s: %s", POLL, words_of(broken))
            except* StoreError as refused:
                log.warning("new settings cannot be told of: %s", words_of(refused))
            await asyncio.sleep(POLL)

    async def _read_and_watch(self) -> None:
        await self.reload()
        await self._watch(*await asyncio.to_thread(_places, self._source.files))

    async def _watch(self, folders: list[Path], names: set[str]) -> None:
        from watchfiles import awatch

        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of every change
        watch = awatch(*folders, watch_filter=None, debounce=GROUPED, step=STEP, recursive=False)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(self._settle(), name="settings at first")
            try:
                async for changes in watch:
                    if any(Path(path).name in names for _, path in changes):
                        await self.reload()
            finally:
                first.cancel()

    async def _settle(self) -> None:
        await asyncio.sleep(SETTLED)
        await self.reload()

    async def reload(self) -> None:
        """Read everything, and take over what is new; a file that cannot be used leaves all as it was, and is told."""
        try:
            fresh = leaves(await asyncio.to_thread(self._source.load))
        except Invalid as error:
            await self._tell({}, f"{error.message}: the settings from before hold")
            return
        changed = {name: value for name, value in fresh.items() if value != self._seen[name]}
        self._seen = fresh
        live = {name: value for name, value in changed.items() if TAKES[name] is Takes.LIVE}
        live = {name: value for name, value in live.items() if name not in self._parts.overrides}
        if live:
            context = self._parts.context
            context.settings = with_leaves(context.settings, live)
            self._parts.scheduler.look_again()
            self._parts.notifier.look_again()
        await self._tell({name: told(name, value) for name, value in live.items()}, "")

    async def _tell(self, changes: dict[str, str], trouble: str) -> None:
        """In the state of the engine, and as an event when it is news."""
        late = (name for name, takes in TAKES.items() if takes is Takes.RESTART and name not in ELSEWHERE)
        restart = tuple(name for name in late if self._seen[name] != self._started[name])
        news = bool(changes) or trouble != self._trouble or restart != self._restart
        self._trouble, self._restart = trouble, restart
        self._parts.settings_words = (*([trouble] if trouble else []), *map(_waits, restart))
        if not news:
            return
        if trouble:
            log.warning("%s", trouble)
        unit = partial(_emit, changes=changes, restart=restart, trouble=trouble)
        await self._parts.context.database.write(unit)


def _emit(tx: Tx, changes: dict[str, str], restart: Sequence[str], trouble: str) -> None:
    more = {"message": trouble} if trouble else {}
    tx.emit(EventType.ENGINE_SETTINGS, changes=changes, restart=list(restart), by="files", **more)


def _waits(name: str) -> str:
    return f"{name} was changed in a file and needs a restart of the engine"


def _places(files: Iterable[Path]) -> tuple[list[Path], set[str]]:
    """Folders that are there, and the names in them that count; a link counts with what it leads to."""
    both = {path for file in files for path in (file, file.resolve())}
    return sorted({path.parent for path in both if path.parent.is_dir()}), {path.name for path in both}
