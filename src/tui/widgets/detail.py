"""Everything about the node under the cursor: Overview, Logs, Runs."""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from engine.api import GoalView, TaskView, Why
from engine.model import TaskKind
from tui.actions import Scope, bindings
from tui.formats import one_line, shorten
from tui.themes import Piece, Tone
from tui.widgets.bars import Bar
from tui.widgets.lines import Lines
from tui.widgets.log_feed import Fetch
from tui.widgets.log_pane import LogPane
from tui.widgets.log_view import LogView
from tui.widgets.overviews import goal_lines, task_lines
from tui.widgets.run_list import RunList

TABS = ("overview", "log", "runs")
LABELS = {"overview": "Overview", "log": "Logs", "runs": "Runs"}


class Detail(Vertical):
    """Told what to show; the log is read only while its tab is open."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DETAIL)]

    def __init__(self, fetch: Fetch, now: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fetch = fetch
        self._now = now
        self._shown: TaskView | None = None

    def compose(self) -> ComposeResult:
        yield Bar(id="detail-tabs")
        with ContentSwitcher(initial="overview"):
            yield Lines(id="overview").add_class("ages")
            yield LogPane(self._fetch, id="log")
            yield RunList(self._now, id="runs").add_class("ages")
        yield Bar(id="detail-status")

    def on_mount(self) -> None:
        self._show_tabs()

    def show_goal(self, goal: GoalView | None) -> None:
        """A goal has an overview only."""
        another = self._shown is not None
        self._shown = None
        self.query_one(Lines).show(
            lambda width: goal_lines(goal, width, self._now()) if goal is not None else [[("nothing here", Tone.DIM)]],
            top=another,
        )
        self.query_one(RunList).show(())
        self.query_one(LogPane).look_at(None)
        self._show_tabs()

    def show_task(self, task: TaskView, why: Why | None) -> None:
        another = self._shown is None or self._shown.id != task.id
        self._shown = task
        self.query_one(Lines).show(lambda width: task_lines(task, why, width, self._now()), top=another)
        self.query_one(RunList).show(task.runs)
        self._show_log()
        self._show_tabs()

    @property
    def tab(self) -> str:
        return self.query_one(ContentSwitcher).current or "overview"

    def open_tab(self, name: str) -> None:
        had_focus = self.has_focus_within
        self.query_one(ContentSwitcher).current = name
        self._show_log()
        self._show_tabs()
        if had_focus:
            self.focus_content()

    def focus_content(self) -> None:
        """Put the focus into the open tab."""
        self.content.focus()

    @property
    def content(self) -> Widget:
        return self.query_one(f"#{self.tab}")

    def _show_log(self) -> None:
        task = self._shown
        logs = task is not None and task.kind is TaskKind.WORK and bool(task.runs)
        self.query_one(LogPane).look_at(task.id if task is not None and logs and self.tab == "log" else None)

    def _show_tabs(self) -> None:
        line: list[Piece] = []
        for name in TABS:
            count = f" {len(self._shown.runs)}" if name == "runs" and self._shown is not None else ""
            line.append((f" {LABELS[name]}{count} ", Tone.HEAD if name == self.tab else Tone.DIM))
            line.append((" ", Tone.PLAIN))
        name = "" if self._shown is None or self.tab == "overview" else shorten(one_line(self._shown.key), 24)
        self.query_one("#detail-tabs", Bar).set_line(line, [(name, Tone.DIM), ("  [ ] ", Tone.FAINT)])
        self._show_status()

    def _show_status(self) -> None:
        bar = self.query_one("#detail-status", Bar)
        bar.display = self.tab == "log"
        bar.set_line(*self.query_one(LogPane).status())

    def on_log_view_told(self, message: LogView.Told) -> None:
        self._show_status()

    def action_tab_left(self) -> None:
        self.open_tab(TABS[max(0, TABS.index(self.tab) - 1)])

    def action_tab_right(self) -> None:
        self.open_tab(TABS[min(len(TABS) - 1, TABS.index(self.tab) + 1)])
