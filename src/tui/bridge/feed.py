"""One subscription: keeps the newest overview, wakes the UI at most once a frame, says when it may be old."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import assert_never

from engine.api import Engine, Lagged, Snapshot, TreeNode, Update
from engine.cancellation import apart
from engine.errors import NotFound, PilothouseError, Unavailable
from engine.events import Event
from tui.messages import Link, Overview

FRAME = 1 / 15  # seconds between two wake-ups of the UI
SILENCE = 10.0  # seconds without news after which the engine is asked whether it is there
PATIENCE = 10.0  # seconds one question to the engine may take
BACKOFF = (0.25, 10.0)  # first and longest pause before connecting again
NEWS = 40  # newest events that are kept for the ticker


class Feed:
    """Owns the subscription. `tell` is called on the event loop with each new overview, `heard` with each event."""

    def __init__(
        self,
        engine: Engine,
        tell: Callable[[Overview], None],
        now: Callable[[], datetime],
        heard: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self.engine = engine
        self._heard = heard
        self.overview = Overview()
        self._tell = tell
        self._now = now
        self._wanted: dict[str, frozenset[str]] = {}
        self._open: frozenset[str] = frozenset()
        self._dirty: set[str] = set()  # goals whose open trees changed
        self._parts: set[str] = set()
        self._snapshots = 0
        self._news: deque[Event] = deque(maxlen=NEWS)
        self._wake = asyncio.Event()
        self._retry = asyncio.Event()

    async def run(self) -> None:
        """Follow the engine until cancelled; an engine that refuses us is asked again only by `refresh` (R119)."""
        pause = BACKOFF[0]
        while True:
            link = Link.STALE
            try:
                await apart(self._session())
                trouble = "the engine closed the connection"
            except* Unavailable as lost:
                trouble = str(_first(lost))
            except* PilothouseError as refused:
                link, trouble = Link.REFUSED, str(_first(refused))
            if self.overview.link is Link.LIVE:
                pause = BACKOFF[0]
            self.set(link=link, trouble=trouble)
            await self._pause(None if link is Link.REFUSED else pause)
            pause = min(pause * 2, BACKOFF[1])

    def open_goals(self, screen: str, goals: Iterable[str]) -> None:
        """A screen shows these trees: they are read, and read again whenever their goal changes."""
        self._wanted[screen] = frozenset(goals)
        wanted = frozenset().union(*self._wanted.values())
        self._dirty |= wanted - self._open
        self._open = wanted
        if self._dirty:
            self._wake.set()

    def refresh(self) -> None:
        """Read everything again, and connect at once where the connection is lost."""
        self._parts |= {"status", "decisions", "sandboxes"}
        self._dirty |= self._open
        self._retry.set()
        self._wake.set()

    def set(self, **changes: object) -> None:
        """Replace parts of the overview and tell the UI."""
        self.overview = replace(self.overview, **changes)  # type: ignore[arg-type]  # names are Overview's fields
        self._tell(self.overview)

    async def _pause(self, seconds: float | None) -> None:
        self._retry.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._retry.wait()
        except TimeoutError:
            return

    async def _session(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="bridge-listen")
            group.create_task(self._answer_news(), name="bridge-refresh")

    async def _listen(self) -> None:
        async with aclosing(self.engine.subscribe()) as stream:  # type: ignore[type-var]  # an async generator
            async for update in stream:
                self._take(update)
        raise Unavailable("the engine closed the connection")

    def _take(self, update: Update) -> None:
        match update:
            case Snapshot():
                self._snapshots += 1
                self.set(
                    link=Link.LIVE,
                    trouble="",
                    heard_at=self._now(),
                    reading=self.overview.reading + 1,
                    seq=update.seq,
                    status=update.status,
                    decisions=update.decisions,
                    sandboxes=update.sandboxes,
                )
                self._dirty |= self._open
            case Event():
                self._news.append(update)
                self._heard(update)
                self._parts |= _touched(update)
                if update.goal in self._open:
                    self._dirty.add(update.goal)
            case Lagged():
                pass  # a new snapshot follows
            case _:
                assert_never(update)
        self._wake.set()

    async def _answer_news(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    await self._wake.wait()
            except TimeoutError:
                self._parts |= {"status", "sandboxes"}  # what a run does changes without an event
            self._wake.clear()
            if self.overview.link is Link.LIVE:
                began = time.monotonic()
                await self._read()
                # Reading never takes more than half of the time, however large the project is.
                await asyncio.sleep(max(FRAME, time.monotonic() - began))
            else:
                await asyncio.sleep(FRAME)

    async def _read(self) -> None:
        parts, self._parts = self._parts, set()
        goals, self._dirty = self._dirty & self._open, set()
        changes: dict[str, object] = {}
        snapshots = self._snapshots
        try:
            async with asyncio.timeout(PATIENCE):
                if "decisions" in parts:
                    changes["reading"] = self.overview.reading + 1
                    changes["decisions"] = tuple(await self.engine.decisions())
                if "sandboxes" in parts:
                    changes["sandboxes"] = tuple(await self.engine.sandboxes())
                if parts:
                    status = changes["status"] = await self.engine.status()
                    changes["seq"] = status.engine.seq
                trees = {goal: await self._tree(goal) for goal in goals}
        except TimeoutError:
            raise Unavailable(f"the engine has not answered for {PATIENCE:.0f} s") from None
        if snapshots != self._snapshots:  # what was read may be older than the one that came meanwhile
            self._parts |= parts
            self._dirty |= goals
            self._wake.set()
            return
        shown = {**self.overview.trees, **trees}
        known = {goal: tree for goal, tree in shown.items() if tree is not None and goal in self._open}
        changes["trees"] = MappingProxyType(known)
        self.set(**changes, heard_at=self._now(), news=tuple(self._news))

    async def _tree(self, goal: str) -> TreeNode | None:
        try:
            return await self.engine.tree(goal)
        except NotFound:
            return None


def _touched(event: Event) -> set[str]:
    """What an event may have changed, by the first word of its type; status has counts of everything."""
    noun = event.type.value.partition(".")[0]
    if noun in ("decision", "gate", "task", "goal"):
        return {"status", "decisions", "sandboxes"} if noun == "goal" else {"status", "decisions"}
    return {"status", "sandboxes"} if noun in ("run", "sandbox", "engine", "agent") else {"status"}


def _first(group: BaseExceptionGroup) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
