"""Screen 3: the log of any run. At 80 columns the picker gives way to the log; esc brings it back."""

from textual.app import ComposeResult
from textual.containers import Container, Vertical

from tui.formats import clean, one_line
from tui.messages import Overview
from tui.screens.finding import Finding
from tui.screens.reader import Reader
from tui.themes import Line, Tone
from tui.widgets.bars import Bar
from tui.widgets.find_bar import FindBar
from tui.widgets.lines import fold
from tui.widgets.log_pane import LogPane
from tui.widgets.log_view import LogView
from tui.widgets.overviews import run_head
from tui.widgets.rows import Rows
from tui.widgets.run_picker import RunPicker

GOALS = 12  # newest goals whose tasks are offered
LONGEST = 200_000  # characters of one line that are shown in full


class LogsScreen(Finding):
    """Left the runs, right the log; the picker's cursor chooses, enter reads."""

    NAME = "logs"
    FIRST_STEP = -1  # a log is read from its end
    _run = ""
    _label: Line = ()

    def body(self) -> ComposeResult:
        with Container(id="split"):
            yield RunPicker(self.deck.now, id="picker").add_class("ages")
            with Vertical(id="log-side"):
                yield Bar(id="log-title")
                yield LogPane(self.deck.engine.logs, id="log")
                yield Bar(id="log-status")
        yield FindBar()

    def on_mount(self) -> None:
        self.picker.focus()

    @property
    def picker(self) -> RunPicker:
        return self.query_one(RunPicker)

    @property
    def pane(self) -> LogPane:
        return self.query_one(LogPane)

    def paint(self, overview: Overview) -> None:
        newest = sorted(overview.goals, key=lambda goal: goal.created_at)[-GOALS:]
        self.deck.feed.open_goals(self.NAME, [goal.id for goal in newest])
        self.picker.paint(overview)
        if self.pane.feed is None and self.picker.cursor is not None:
            self._choose(self.picker.cursor)

    def open_log(self, ref: str, label: str) -> None:
        """Show the log of a run or task that was chosen elsewhere."""
        self.when_laid_out(lambda: self._open(ref, label))

    def _open(self, ref: str, label: str) -> None:
        self.picker.go(ref)
        self._choose(ref, label)
        self._read()

    def _choose(self, ref: str, label: str = "") -> None:
        self._label = [(f" {label or self.picker.label(ref)}", Tone.HEAD)]
        self._run = ""
        self.query_one("#log-title", Bar).set_line(self._label)
        self.pane.look_at(ref)

    def _read(self) -> None:
        self.add_class("-reading")
        self.pane.focus()

    def on_rows_moved(self, message: Rows.Moved) -> None:
        if message.ref is not None and self.picker.has_focus:
            self._choose(message.ref)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.ref is not None:
            self._choose(message.ref)
            self._read()

    def on_log_view_told(self, message: LogView.Told) -> None:
        self.query_one("#log-status", Bar).set_line(*self.pane.status())
        feed = self.pane.feed
        if feed is not None and feed.run and feed.run != self._run:
            self._run = feed.run
            self.work(self._name_it, feed.run, group="name", exclusive=True)

    async def _name_it(self, ref: str) -> None:
        run = await self.deck.engine.run(ref)
        if ref == self._run:
            self.query_one("#log-title", Bar).set_line(run_head(run, self.deck.now()))

    def on_log_view_expanded(self, message: LogView.Expanded) -> None:
        """One line in full, each removed byte shown."""
        line = message.line
        text = clean(line.text[:LONGEST], visible=True).expandtabs(4)
        cut = f" … of {len(line.text):,} characters" if len(line.text) > LONGEST else ""
        title: Line = [(f" line {line.n} · {line.stream} · {line.at.isoformat()}{cut}", Tone.HEAD)]
        rows = text.split("\n")
        make = Reader(
            self.deck, title, lambda width: [part for row in rows for part in fold([(row, Tone.PLAIN)], width)]
        )
        self.app.push_screen(make)

    def step_back(self) -> bool:
        """Esc goes from the log to the picker before it leaves."""
        if super().step_back():
            return True
        if self.has_class("-reading"):
            self.remove_class("-reading")
            self.picker.focus()
            return True
        return False

    def look_for(self, words: str) -> None:
        self.pane.look_for(words)

    def hop(self, step: int) -> None:
        self.pane.hop(step)

    def settle(self) -> None:
        self._read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hits need a search."""
        return self.is_finding if action in ("next", "previous") else True

    def copyable(self) -> str | None:
        return self._run or None

    def command(self) -> str | None:
        return f"pilothouse logs {one_line(self._run)} -f" if self._run else None
