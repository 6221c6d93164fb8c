"""The form of a decision: one real input for each field, read and objected to beside the field. Enter sends nothing."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, TextArea

from engine.model import FieldType, FormField
from tui.formats import Misfit, Value, one_line, plural, read_field
from tui.screens.ask import Form
from tui.screens.deck import Deck
from tui.themes import Line, Tone
from tui.widgets.asked import field_head
from tui.widgets.bars import Bar
from tui.widgets.lines import Lines, fold

HINT = "send what is filled in"
ROWS = 3  # of the question


class Filling(Form):
    """Dismissed with the values by name, or None; what was filled in before stands in the fields."""

    def __init__(
        self,
        deck: Deck,
        title: Line,
        question: str,
        fields: Sequence[FormField],
        values: Mapping[str, Value],
        objection: str = "",
    ) -> None:
        super().__init__(deck, title, HINT)
        self._question = question
        self._fields = fields
        self._values = values
        self._objection = objection

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Bar(id="box-title")
            yield Lines(id="box-question", can_focus=False)
            with VerticalScroll(id="fields", can_focus=False):
                for n, field in enumerate(self._fields):
                    head = Bar(id=f"head-{n}")
                    head.set_line(field_head(field))
                    yield head
                    yield self._input(field, f"field-{n}")
            yield Bar(id="box-said")
            yield Bar(id="box-hint")

    def _input(self, field: FormField, name: str) -> Widget:
        value = self._values.get(field.name)
        if field.type is FieldType.FLAG:
            return Checkbox(Content(_flag(value is True)), value is True, id=name, compact=True)
        if field.type is FieldType.CHOICE:
            options = [(Content(one_line(option, visible=True)), option) for option in field.options]
            select: Select[str] = Select(options, prompt="choose one", id=name, compact=True, type_to_search=False)
            if value in field.options:
                select.value = str(value)
            return select
        text = "" if value is None else str(value)
        if field.type is FieldType.TEXT:
            area = TextArea(text, id=name, tab_behavior="focus", highlight_cursor_line=False, compact=True)
            area.set_class(len(self._fields) == 1, "-alone")
            area.cursor_blink = False
            return area
        line = Input(text, id=name, compact=True)
        line.cursor_blink = False
        return line

    def prepare(self) -> None:
        self.query_one("#box-question", Lines).show(self._ask)
        self.call_after_refresh(self._begin)  # what is in the scroll comes after the screen
        if self._objection:
            self.object(self._objection)

    def _begin(self) -> None:
        for first in self.query("#field-0"):
            first.focus()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Said in a word: its mark differs by colour alone."""
        event.checkbox.label = Content(_flag(event.value))

    def _ask(self, width: int) -> Sequence[Line]:
        return fold([(one_line(self._question, visible=True)[:2_000], Tone.PLAIN)], width)[:ROWS]

    def _beside(self, n: int, objection: str) -> None:
        self.query_one(f"#head-{n}", Bar).set_line(field_head(self._fields[n]), [(objection, Tone.BAD)])

    def _typed(self, n: int) -> str | bool:
        widget = self.query_one(f"#field-{n}")
        if isinstance(widget, Checkbox):
            return widget.value
        if isinstance(widget, Select):
            return "" if widget.is_blank() else str(widget.value)
        if isinstance(widget, TextArea):
            return widget.text
        assert isinstance(widget, Input)
        return widget.value

    def submit(self) -> None:
        values: dict[str, Value] = {}
        wrong: list[int] = []
        for n, field in enumerate(self._fields):
            try:
                value = read_field(field, self._typed(n))
            except Misfit as misfit:
                wrong.append(n)
                self._beside(n, str(misfit))
            else:
                self._beside(n, "")
                if value is not None:
                    values[field.name] = value
        if wrong:
            self.object(f"{plural(len(wrong), 'field')} to be put right; nothing sent")
            self.query_one(f"#field-{wrong[0]}").focus()
        elif not values:
            self.object("nothing is filled in: nothing sent")
        else:
            self.dismiss(values)


def _flag(value: bool) -> str:
    return "yes" if value else "no"
