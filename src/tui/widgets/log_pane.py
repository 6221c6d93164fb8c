"""The keys of a log: follow, wrap, times, streams, search, jumps."""

from typing import ClassVar

from textual.binding import BindingType

from engine.errors import PilothouseError
from engine.model import Stream
from tui.actions import Scope, bindings
from tui.formats import plural
from tui.themes import Line, Piece, Tone
from tui.widgets.background import start
from tui.widgets.log_rows import Times
from tui.widgets.log_view import LogView

SIDE = 16  # cells of one step to the side
_NEXT_TIMES = {Times.WALL: Times.RELATIVE, Times.RELATIVE: Times.OFF, Times.OFF: Times.WALL}
_NEXT_STREAM = {None: Stream.OUT, Stream.OUT: Stream.ERR, Stream.ERR: None}


class LogPane(LogView):
    """A log one reads with keys; `status` is the line below it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LOGS)]

    def status(self) -> tuple[Line, Line]:
        """What is shown, how it is filtered, and whether it follows."""
        feed = self.feed
        if feed is None:
            return [], []
        left: list[Piece] = [(f" {plural(feed.total, 'line')}", Tone.DIM)]
        if feed.first:
            left.append((f" · the oldest {feed.first:,} are gone", Tone.WARN))
        left.append((f" · {feed.stream or 'out+err'} · times {self.times}", Tone.DIM))
        if feed.words:
            more = "" if not feed.is_behind else f", read to {100 * feed.scanned // max(1, feed.total)} %"
            left.append((f" · /{feed.words}: {plural(len(feed.hits), 'hit')}{more}", Tone.HIT))
        if self.trouble:
            left.append((f" · {self.trouble}", Tone.BAD))
        if feed.ended:
            return left, [("ended ", Tone.DIM)]
        if self.following:
            return left, [("FOLLOWING ", Tone.GOOD)]
        return left, [(f"PAUSED +{self.unseen:,}", Tone.ASK), (", G follows ", Tone.DIM)]

    def look_for(self, words: str) -> None:
        """Search; the view goes to the hits with `hop`."""
        if self.feed is not None:
            self.feed.look_for(words)
            self.look_again()

    def hop(self, step: int) -> None:
        """To the next or the previous hit, around the end."""
        if self.feed is not None and self.feed.hits:
            row = self.feed.step(self.feed.hits, self._from(step), step)
            around = self.feed.hits[0 if step > 0 else -1]
            self._go(self.feed.row_of(around) if row is None else row)

    def _from(self, step: int) -> int:
        if self.feed is not None and self.here is not None:
            row = self.feed.row_of(self.here)
            if 0 <= row - round(self.scroll_y) < self.room.height:
                return row
        if self.following and self.feed is not None:
            return self.feed.rows
        return round(self.scroll_y) + (-1 if step > 0 else self.room.height)

    def _go(self, row: int | None) -> None:
        if row is None or self.feed is None:
            return
        self.pause()
        self.here = self.feed.number(row)
        if not 0 <= row - round(self.scroll_y) < self.room.height:
            self.scroll_to(y=max(0, row - self.room.height // 2), animate=False, force=True)
        self.refresh()

    async def _mark(self, step: int) -> None:
        feed = self.feed
        try:
            while feed is not None and feed.is_behind and feed is self.feed:
                await feed.scan()
        except PilothouseError:
            return  # the reader shows the same trouble
        if feed is not None and feed is self.feed:
            self._go(feed.step(feed.marks, self._from(step), step))

    def action_follow(self) -> None:
        if self.following:
            self.pause()
        else:
            self.action_bottom()

    def action_bottom(self) -> None:
        self.following, self.here = True, None
        self.look_again()

    def action_up(self) -> None:
        self.pause()
        super().action_up()

    def action_page_up(self) -> None:
        self.pause()
        super().action_page_up()

    def action_top(self) -> None:
        self.pause()
        super().action_top()

    def action_wrap(self) -> None:
        self.wrapped = not self.wrapped
        self._left = 0
        self.lay()

    def action_times(self) -> None:
        self.times = _NEXT_TIMES[self.times]
        self.lay()

    def action_stream(self) -> None:
        if self.feed is not None:
            self.feed.only(_NEXT_STREAM[self.feed.stream])
            self.look_again()

    def action_next_mark(self) -> None:
        start(self, self._mark, 1, group="mark", exclusive=True)

    def action_previous_mark(self) -> None:
        start(self, self._mark, -1, group="mark", exclusive=True)

    def action_right(self) -> None:
        self._left += SIDE
        self.refresh()

    def action_left(self) -> None:
        self._left = max(0, self._left - SIDE)
        self.refresh()

    def action_open(self) -> None:
        """The line a jump or a click went to, else the first visible one."""
        if self.feed is None:
            return
        row = self._from(1) if self.here is not None else round(self.scroll_y)
        line = self.feed.line(row)
        if line is not None:
            self.post_message(self.Expanded(line))
