"""A log of any length at constant cost: only visible lines are read and painted; follows until one scrolls up."""

import asyncio
from datetime import datetime

from textual.events import Click, MouseScrollUp, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from engine.api import LogLine
from engine.errors import PilothouseError
from tui.formats import clean
from tui.themes import Line, Tone
from tui.widgets.background import start
from tui.widgets.canvas import Canvas
from tui.widgets.log_feed import Fetch, LogFeed
from tui.widgets.log_rows import Times, body, folded, prefix

QUICK, SLOW = 0.1, 1.0  # seconds between two looks at a log that grows, and at one that is silent


class LogView(Canvas):
    """Reads and paints the log of one run or task."""

    class Told(Message):
        """Follow, counts or hits have changed."""

    class Expanded(Message):
        """One line is wanted in full."""

        def __init__(self, line: LogLine) -> None:
            super().__init__()
            self.line = line

    def __init__(self, fetch: Fetch, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fetch = fetch
        self.feed: LogFeed | None = None
        self.following = True
        self.wrapped = False
        self.times = Times.WALL
        self.here: int | None = None  # the line a jump went to
        self._trouble = ""
        self._awake = asyncio.Event()
        self._seen = 0
        self._oldest = 0
        self._left = 0

    def look_at(self, ref: str | None) -> None:
        """Show another log from its end; None for none."""
        if self.feed is not None and self.feed.ref == ref:
            return
        self.feed = None if ref is None else LogFeed(self._fetch, ref)
        self.following, self.here, self._trouble = True, None, ""
        self._seen = self._oldest = self._left = 0
        self.virtual_size = Size(0, 0)
        self.refresh()
        if self.feed is not None:
            start(self, self._read, self.feed, group="read", exclusive=True)

    async def _read(self, feed: LogFeed) -> None:
        """Keep up with one log for as long as it is looked at."""
        pause = QUICK
        while feed is self.feed:
            moved = False
            if self.screen.is_active and self.display:
                try:
                    moved = await self._catch_up(feed)
                    self._trouble = ""
                except PilothouseError as error:
                    self._trouble = clean(error.message)
                if feed is self.feed:
                    self.lay()
            pause = QUICK if moved else min(SLOW, pause * 1.5)
            await self._nap(pause)

    async def _nap(self, seconds: float) -> None:
        self._awake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return

    def look_again(self) -> None:
        """Something else is wanted of the log: read at once."""
        self.lay()
        self._awake.set()

    async def _catch_up(self, feed: LogFeed) -> bool:
        moved = await feed.poll(max(1, self.room.height) if self.following else 1)
        if feed.is_behind and (feed.words or feed.stream is not None):
            await feed.scan()
            moved = True
        if feed.stream is not None or not self.following:
            moved |= await feed.need(*self._visible())
        return moved

    def _visible(self) -> tuple[int, int]:
        top = round(self.scroll_y)
        return top, top + max(1, self.room.height)

    def lay(self) -> None:
        """The newest size of the log; the viewport stays on its lines unless it follows."""
        if self.feed is None or self.room.height <= 0:
            return  # nothing to show, or not laid out yet
        rows, dropped = self.feed.rows, self.feed.first - self._oldest
        self._oldest = self.feed.first
        slack = self.room.height - 1 if self.wrapped and rows else 0
        self.virtual_size = Size(self.room.width, rows + slack)
        if self.following:
            self._seen = rows
            self.scroll_to(y=max(0, rows - self.room.height), animate=False, force=True)
        elif dropped and self.feed.stream is None:
            self._seen -= dropped
            self.scroll_to(y=max(0, round(self.scroll_y) - dropped), animate=False, force=True)
        self.refresh()
        self.post_message(self.Told())

    @property
    def unseen(self) -> int:
        """Lines that came since following stopped."""
        return 0 if self.feed is None or self.following else max(0, self.feed.rows - self._seen)

    @property
    def trouble(self) -> str:
        return self._trouble

    def pause(self) -> None:
        """Stop following: the text stands still."""
        if self.following and self.feed is not None:
            self.following, self._seen = False, self.feed.rows
            self.post_message(self.Told())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self.feed is not None and not self.following:
            start(self, self._need, self.feed, group="need", exclusive=True)

    async def _need(self, feed: LogFeed) -> None:
        try:
            if await feed.need(*self._visible()):
                self.refresh()
        except PilothouseError as error:
            self._trouble = clean(error.message)

    def render_line(self, y: int) -> Strip:
        width, feed = self.room.width, self.feed
        if feed is None or not feed.rows:
            return self.strip([("  " + self._nothing(), Tone.DIM)], width) if y == 0 else self.blank(width)
        if self.wrapped:
            lines = self._folded(feed, width)
            return self.strip(lines[y], width) if y < len(lines) else self.blank(width)
        row = y + self.scroll_offset.y
        line = feed.line(row)
        if line is None:
            return self.strip([("…", Tone.FAINT)], width) if row < feed.rows else self.blank(width)
        ground = self.get_component_rich_style("row--resting") if feed.number(row) == self.here else None
        head = prefix(line, self.times, self._start(feed))
        cells = sum(len(text) for text, _ in head)
        tail = self.strip(body(line, feed.words), max(1, width - cells), offset=self._left, ground=ground)
        return Strip([*self.strip(head, cells, ground=ground), *tail], width)

    def _nothing(self) -> str:
        if self._trouble:
            return self._trouble
        if self.feed is None:
            return "no log to show"
        return "it printed nothing" if self.feed.ended else "no output yet"

    def _folded(self, feed: LogFeed, width: int) -> list[Line]:
        """Folded lines that fill the view: from the end while following, else from the first visible row."""
        height, start = self.room.height, self._start(feed)
        rows = range(feed.rows - 1, -1, -1) if self.following else range(round(self.scroll_y), feed.rows)
        lines: list[Line] = []
        for row in rows:
            rowed = folded(feed.line(row), width, self.times, start, feed.words)
            lines = rowed + lines if self.following else lines + rowed
            if len(lines) >= height:
                break
        return lines[-height:] if self.following else lines

    def _start(self, feed: LogFeed) -> datetime | None:
        line = feed.line(0)
        return None if line is None else line.at

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.pause()

    def on_click(self, event: Click) -> None:
        if self.feed is not None and not self.wrapped and event.y + self.scroll_offset.y < self.feed.rows:
            self.here = self.feed.number(event.y + self.scroll_offset.y)
            self.refresh()

    def on_resize(self, event: Resize) -> None:
        self.lay()
