"""Help: the action table of where one is; typing filters, `?` again shows the whole map, enter runs."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.actions import ACTIONS, Action, Danger, Scope, bindings, by_id, shown_keys
from tui.formats import fit
from tui.screens.base import Dialog
from tui.themes import Line, Tone
from tui.widgets.bars import Bar
from tui.widgets.rows import Rows

_DANGER = {Danger.NONE: "", Danger.ASKS: "asks first", Danger.DECIDES: "decides"}


class KeyRows(Rows):
    """One action a row."""

    keymap: dict[str, str]

    def row(self, ref: str, width: int) -> Line:
        action = by_id(ref)
        keys = shown_keys(self.keymap.get(ref, action.keys))
        verb = f"pilothouse {action.verb}" if action.verb else ""
        aside = 22 if width > 90 else 0
        danger = _DANGER[action.danger]
        return [
            (f"{fit(keys, 15)} ", Tone.KEY),
            (fit(action.scope.value, 11), Tone.FAINT),
            (f"{fit(action.help, max(10, width - 28 - aside - 11))} ", Tone.PLAIN),
            (fit(danger, 11), Tone.WARN),
            (fit(verb, aside), Tone.DIM),
        ]


class Help(Dialog):
    """Dismissed with the id of the action to run, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.MOVE)]

    def __init__(self, scopes: Sequence[Scope], keymap: dict[str, str]) -> None:
        super().__init__()
        self._scopes = tuple(scopes)
        self._all = False
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        rows = KeyRows(id="help-rows", empty="no such action")
        rows.keymap = self._keymap
        rows.can_focus = False
        with Vertical(classes="sheet"):
            yield Bar(id="sheet-title")
            yield Input(placeholder="type to filter", id="filter", compact=True)
            yield rows
            yield Bar(id="sheet-hints")

    def on_mount(self) -> None:
        field = self.query_one("#filter", Input)
        field.cursor_blink = False
        field.focus()
        self._show("")

    def _show(self, words: str) -> None:
        wanted = words.casefold()
        scopes = tuple(Scope) if self._all else self._scopes
        ids = [
            action.id
            for scope in scopes
            for action in ACTIONS
            if action.scope is scope and wanted in _text(action, self._keymap).casefold()
        ]
        self.query_one(KeyRows).set_ids(ids)
        what = "all keys" if self._all else "keys here"
        self.query_one("#sheet-title", Bar).set_line([(f" {what}", Tone.HEAD), (f"  {len(ids)}", Tone.DIM)])
        more = "keys here" if self._all else "the whole map"
        known = (("?", more), ("↑ ↓", "choose"), ("enter", "run"), ("esc", "back"))
        line = [piece for key, label in known for piece in ((f" {key}", Tone.KEY), (f" {label} ", Tone.DIM))]
        self.query_one("#sheet-hints", Bar).set_line(line)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.value.endswith("?"):  # the help key again, though a field has the focus
            self._all = not self._all
            event.input.value = event.value[:-1]
        self._show(event.input.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(self.query_one(KeyRows).cursor)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        self.dismiss(message.ref)

    def action_help(self) -> None:
        self._all = not self._all
        self._show(self.query_one("#filter", Input).value)

    def action_down(self) -> None:
        self.query_one(KeyRows).action_down()

    def action_up(self) -> None:
        self.query_one(KeyRows).action_up()

    def action_page_down(self) -> None:
        self.query_one(KeyRows).action_page_down()

    def action_page_up(self) -> None:
        self.query_one(KeyRows).action_page_up()

    def action_top(self) -> None:
        self.query_one(KeyRows).action_top()

    def action_bottom(self) -> None:
        self.query_one(KeyRows).action_bottom()

    def action_open(self) -> None:
        self.dismiss(self.query_one(KeyRows).cursor)


def _text(action: Action, keymap: dict[str, str]) -> str:
    return f"{action.id} {action.label} {action.help} {shown_keys(keymap.get(action.id, action.keys))}"
