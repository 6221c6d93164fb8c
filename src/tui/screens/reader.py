"""Something to read on top of a screen: a proof, a diff, a line in full."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from engine.api import Diff
from tui.actions import Scope, bindings
from tui.screens.base import Dialog
from tui.screens.deck import Deck
from tui.themes import Line, Tone
from tui.widgets.bars import Bar, hints
from tui.widgets.diff_lines import paint as paint_diff
from tui.widgets.diff_lines import summary
from tui.widgets.lines import Lines


class Reader(Dialog):
    """A title and lines; esc goes back."""

    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.MOVE, Scope.DIALOG)

    def __init__(self, deck: Deck, title: Line, make: Callable[[int], Sequence[Line]]) -> None:
        super().__init__()
        self.deck = deck
        self.anchors: dict[str, Sequence[int]] = {}
        self._head = title
        self._text = make

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Bar(id="sheet-title")
            yield Lines(id="sheet-body")
            yield Bar(id="sheet-hints")

    def on_mount(self) -> None:
        self.query_one("#sheet-title", Bar).set_line(self._head)
        body = self.query_one("#sheet-body", Lines)
        body.show(self._text, anchors=self.anchors)
        body.focus()
        self.call_after_refresh(self._show_hints)

    def _show_hints(self) -> None:
        bar = self.query_one("#sheet-hints", Bar)
        bar.set_line(hints(self.hint_entries(), self.size.width, 8))


class DiffReader(Reader):
    """A change in full, with jumps between files and hunks."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIFF)]
    SCOPES = (Scope.DIFF, Scope.MOVE, Scope.DIALOG)

    def __init__(self, deck: Deck, label: str, diff: Diff) -> None:
        self._diff = diff
        super().__init__(deck, [(f" {label}  ", Tone.HEAD), *summary(diff)], self._paint)

    def _paint(self, width: int) -> Sequence[Line]:
        painted = paint_diff(self._diff, width)
        self.anchors.update(painted.anchors)
        return painted.lines or [[("nothing changed", Tone.DIM)]]

    def _jump(self, kind: str, step: int) -> None:
        self.query_one("#sheet-body", Lines).jump(kind, step)

    def action_next_hunk(self) -> None:
        self._jump("hunk", 1)

    def action_previous_hunk(self) -> None:
        self._jump("hunk", -1)

    def action_next_file(self) -> None:
        self._jump("file", 1)

    def action_previous_file(self) -> None:
        self._jump("file", -1)
