"""A list whose cursor stays on its id, whatever comes, goes or moves around it (R121)."""

from collections.abc import Sequence

from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.themes import Line, Tone
from tui.widgets.canvas import Canvas

MARK = "▌"


class Rows(Canvas):
    """Rows known by id. Subclasses paint one with `row`; only visible rows are painted."""

    class Moved(Message):
        """The cursor is on another id."""

        def __init__(self, rows: "Rows", ref: str | None) -> None:
            super().__init__()
            self.rows = rows
            self.ref = ref

        @property
        def control(self) -> "Rows":
            return self.rows

    class Opened(Moved):
        """Enter or a double click on a row."""

    def __init__(self, *, id: str | None = None, empty: str = "nothing here") -> None:
        super().__init__(id=id)
        self.empty = empty
        self._ids: list[str] = []
        self._index: dict[str, int] = {}
        self._cursor = 0

    def row(self, ref: str, width: int) -> Line:
        """The line of one id, at most `width` cells."""
        raise NotImplementedError

    @property
    def ids(self) -> Sequence[str]:
        return self._ids

    @property
    def cursor(self) -> str | None:
        """The id under the cursor."""
        return self._ids[self._cursor] if self._ids else None

    def set_ids(self, ids: Sequence[str]) -> None:
        """Show these rows. The cursor stays on its id and at its place on the screen; when its id is gone it goes to
        the nearest one that is still there."""
        if list(ids) == self._ids:
            self.refresh()
            return
        before, old, place = self.cursor, self._ids, self._cursor - round(self.scroll_y)
        index = {ref: n for n, ref in enumerate(ids)}
        keep = next((ref for ref in [*old[self._cursor :], *reversed(old[: self._cursor])] if ref in index), None)
        anchor = next((ref for ref in old[round(self.scroll_y) :] if ref in index), None)
        shift = None if anchor is None else index[anchor] - self._index[anchor]
        self._ids, self._index = list(ids), index
        self._cursor = index[keep] if keep is not None else 0
        self.virtual_size = Size(self.room.width, len(self._ids))
        if 0 <= place < self.room.height and before in index:
            self.scroll_to(y=self._cursor - place, animate=False, force=True)
        elif shift is not None:
            self.scroll_to(y=round(self.scroll_y) + shift, animate=False, force=True)
        self.refresh()
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def go(self, ref: str | None) -> bool:
        """Put the cursor on an id; whether it is there."""
        if ref is None or ref not in self._index:
            return False
        self._move(self._index[ref])
        return True

    def _move(self, index: int) -> None:
        index = max(0, min(index, len(self._ids) - 1))
        if not self._ids or index == self._cursor:
            return
        before, self._cursor = self._cursor, index
        top, height = round(self.scroll_y), max(1, self.room.height)
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False, force=True)
        for changed in (before, index):
            self.refresh_line(changed)
        self.post_message(self.Moved(self, self.cursor))

    def render_line(self, y: int) -> Strip:
        width, at = self.room.width, y + self.scroll_offset.y
        if not self._ids and y == 0:
            return self.strip([("  " + self.empty, Tone.DIM)], width)
        if at >= len(self._ids):
            return self.blank(width)
        line = self.row(self._ids[at], width - 2)
        if at != self._cursor:
            return self.strip([("  ", Tone.PLAIN), *line], width)
        ground = self.get_component_rich_style("row--cursor" if self.has_focus else "row--resting")
        return self.strip([(MARK + " ", Tone.BUSY if self.has_focus else Tone.FAINT), *line], width, ground=ground)

    def on_resize(self, event: Resize) -> None:
        self.virtual_size = Size(self.room.width, len(self._ids))
        if self._ids and not 0 <= self._cursor - round(self.scroll_y) < self.room.height:
            self.scroll_to(y=max(0, self._cursor - self.room.height + 1), animate=False, force=True)

    def on_click(self, event: Click) -> None:
        """One click moves the cursor, a second one opens."""
        index = event.y + self.scroll_offset.y
        if index < len(self._ids):
            self._move(index)
            if event.chain == 2:
                self.action_open()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def action_down(self) -> None:
        self._move(self._cursor + 1)

    def action_up(self) -> None:
        self._move(self._cursor - 1)

    def action_page_down(self) -> None:
        self._move(self._cursor + self.page)

    def action_page_up(self) -> None:
        self._move(self._cursor - self.page)

    def action_top(self) -> None:
        self._move(0)

    def action_bottom(self) -> None:
        self._move(len(self._ids) - 1)

    def action_open(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Opened(self, self.cursor))
