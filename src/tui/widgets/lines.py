"""Text to read: lines of (text, tone), folded at the width or scrolled sideways, with places to jump to."""

import re
from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len, chop_cells
from textual.events import Resize
from textual.geometry import Size
from textual.strip import Strip

from tui.themes import Line, Piece, Tone
from tui.widgets.canvas import Canvas

_WORD = re.compile(r" *[^ ]+| +")
Maker = Callable[[int], Sequence[Line]]


class Lines(Canvas):
    """Shows what a function makes for the width it has; the place in the text is kept when it changes."""

    def __init__(self, *, id: str | None = None, can_focus: bool = True) -> None:
        super().__init__(id=id)
        self.can_focus = can_focus
        self._make: Maker = lambda width: ()
        self._lines: Sequence[Line] = ()
        self._anchors: Mapping[str, Sequence[int]] = {}

    def show(self, make: Maker, *, top: bool = False, anchors: Mapping[str, Sequence[int]] | None = None) -> None:
        """Paint what `make` gives for a width. `top` scrolls to the beginning: it is another text."""
        self._make, self._anchors = make, anchors or {}
        self._lay()
        if top:
            self.scroll_to(y=0, animate=False, force=True)

    def jump(self, kind: str, step: int) -> None:
        """To the next or the previous place of a kind, seen from the first visible row."""
        places, here = self._anchors.get(kind, ()), round(self.scroll_y)
        there = [row for row in places if (row > here if step > 0 else row < here)]
        if there:
            self.scroll_to(y=there[0] if step > 0 else there[-1], animate=False, force=True)

    def place(self, kind: str) -> tuple[int, int]:
        """Which place of a kind the first visible row belongs to, and how many there are: (2, 5); (0, n) before."""
        places = self._anchors.get(kind, ())
        return sum(row <= round(self.scroll_y) for row in places), len(places)

    @property
    def text(self) -> str:
        """What is shown, as plain text."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def again(self) -> None:
        self._lay()

    def _lay(self) -> None:
        width = self.room.width
        if width <= 0:
            return  # not laid out yet: the resize that is to come does it
        self._lines = self._make(width)
        # In a view with a height of its own all texts that fit have one size, which is never above the view's: one in
        # place of another lays nothing out anew, and no scrollbar appears while the view shrinks.
        rows, height = len(self._lines), self.styles.height
        grows = height is not None and height.is_auto
        self.virtual_size = Size(width, rows if grows or rows > self.size.height else 0)
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self._lay()

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        if at >= len(self._lines):
            return self.blank(self.room.width)
        return self.strip(self._lines[at], self.room.width)


def fold(line: Line, width: int, indent: int = 0) -> list[Line]:
    """One line as several of at most `width` cells, broken at spaces where there are some; later rows are indented."""
    rows: list[list[Piece]] = [[]]
    left = width
    for text, tone in line:
        for word in _WORD.findall(text):
            for part in chop_cells(word, max(1, width - indent)):
                if cell_len(part) > left and rows[-1]:
                    part = part.lstrip(" ")
                    rows.append([(" " * indent, Tone.PLAIN)])
                    left = width - indent
                rows[-1].append((part, tone))
                left -= cell_len(part)
    return list(rows)
