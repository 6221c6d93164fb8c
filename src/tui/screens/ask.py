"""Questions before something happens: may it, why, which id, which file. The safe answer has the focus."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, TextArea

from tui.actions import Scope, bindings
from tui.formats import one_line
from tui.screens.base import Dialog
from tui.screens.deck import Deck
from tui.themes import Line, Tone
from tui.widgets.bars import Bar
from tui.widgets.lines import Lines, fold


class Confirm(Dialog):
    """Dismissed with the id of a choice, or None; the first choice is the safe one and has the focus."""

    INDENT: ClassVar[int] = 0  # of folded rows of the text

    def __init__(self, title: str, text: Sequence[Line], choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._head = title
        self._text = text
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Bar(id="box-title")
            yield Lines(id="box-text", can_focus=False)
            with Horizontal(classes="buttons"):
                for n, (name, label) in enumerate(self._choices):
                    yield Button(label, id=name, variant="default" if n == 0 else "error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#box-title", Bar).set_line([(one_line(self._head), Tone.HEAD)])
        self.query_one(Lines).show(lambda width: [row for line in self._text for row in fold(line, width, self.INDENT)])
        self.query_one(f"#{self._choices[0][0]}", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        safe = event.button.id == self._choices[0][0]
        self.dismiss(None if safe and event.button.id == "back" else event.button.id)


class Form(Dialog):
    """A form: ctrl+j sends, enter does not; dismissed with the text or None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.FORM)]
    SCOPES = (Scope.FORM, Scope.DIALOG)

    def __init__(self, deck: Deck, title: Line, hint: str) -> None:
        super().__init__()
        self.deck = deck
        self._head = title
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Bar(id="box-title")
            yield self.field()
            yield Bar(id="box-said")
            yield Bar(id="box-hint")

    def field(self) -> TextArea | Input:
        """Where one writes."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.query_one("#box-title", Bar).set_line(self._head)
        self.query_one("#box-hint", Bar).set_line(
            [
                ("ctrl+j", Tone.KEY),
                (f" {self._hint}   ", Tone.DIM),
                ("esc", Tone.KEY),
                (" back, nothing sent", Tone.DIM),
            ]
        )
        self.query_one("#box-said", Bar).display = False
        self.prepare()

    def prepare(self) -> None:
        """Give the focus to where one writes."""
        field = self.query_one("#field")
        assert isinstance(field, TextArea | Input)
        field.cursor_blink = False
        field.focus()

    def object(self, words: str) -> None:
        """Say what is wrong with what is written."""
        bar = self.query_one("#box-said", Bar)
        bar.display = True
        bar.set_line([(one_line(words), Tone.WARN)])

    def action_submit(self) -> None:
        if self.deck.guard.is_crowded:  # the line end of a raw paste is the same byte as ctrl+j
            self.object("several keys at once: nothing sent")
        else:
            self.submit()

    def submit(self) -> None:
        """Check what is written and be dismissed with it."""
        raise NotImplementedError


class Reason(Form):
    """Why an answer is what it is: it is stored, and stands in the inputs of the next run."""

    def field(self) -> TextArea:
        return TextArea(id="field", tab_behavior="focus", highlight_cursor_line=False)

    def submit(self) -> None:
        text = self.query_one("#field", TextArea).text.strip()
        if text:
            self.dismiss(text)
        else:
            self.object("a reason is needed: the next run reads it")


class Text(Form):
    """Several lines that are changed; `objection` says what was wrong with them before."""

    def __init__(self, deck: Deck, title: Line, hint: str, value: str, objection: str = "") -> None:
        super().__init__(deck, title, hint)
        self._value = value
        self._objection = objection

    def field(self) -> TextArea:
        return TextArea(self._value, id="field", tab_behavior="focus", highlight_cursor_line=False)

    def prepare(self) -> None:
        super().prepare()
        if self._objection:
            self.object(self._objection)

    def submit(self) -> None:
        text = self.query_one("#field", TextArea).text
        if text.strip():
            self.dismiss(text)
        else:
            self.object("there is nothing in it")


class TypedId(Form):
    """High risk: the short id is typed before anything is sent."""

    def __init__(self, deck: Deck, title: Line, wanted: str, verb: str = "approve") -> None:
        super().__init__(deck, title, f"{verb}; first type {wanted}")
        self._wanted = wanted

    def field(self) -> Input:
        return Input(id="field", placeholder=self._wanted, compact=True)

    def submit(self) -> None:
        typed = self.query_one("#field", Input).value.strip()
        if typed == self._wanted:
            self.dismiss(typed)
        else:
            self.object(f"that is not {self._wanted}" if typed else f"type {self._wanted}")


class Words(Form):
    """A few words. They may be empty only where `empty` says what that means."""

    def __init__(self, deck: Deck, title: Line, hint: str, *, value: str = "", empty: str = "") -> None:
        super().__init__(deck, title, hint)
        self._value = value
        self._empty = empty

    def field(self) -> Input:
        return Input(self._value, id="field", placeholder=self._empty, compact=True)

    def submit(self) -> None:
        text = self.query_one("#field", Input).value.strip()
        if text or self._empty:
            self.dismiss(text)
        else:
            self.object("write a few words")


class PathForm(Form):
    """The path of a goal file. Enter sends it as well: it names a file and decides nothing."""

    def __init__(self, deck: Deck, title: Line, hint: str, value: str = "") -> None:
        super().__init__(deck, title, hint)
        self._value = value

    def field(self) -> Input:
        return Input(self._value, id="field", placeholder="goal.yaml", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.submit()

    def submit(self) -> None:
        text = self.query_one("#field", Input).value.strip()
        if text:
            self.dismiss(text)
        else:
            self.object("name a goal file")
