"""The attempts at one task, the newest first."""

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.api import RunView
from tui.themes import Line
from tui.widgets.overviews import run_line
from tui.widgets.rows import Rows


class RunList(Rows):
    """Enter on a row opens its log."""

    def __init__(self, now: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id, empty="it has not run yet")
        self._now = now
        self._runs: dict[str, RunView] = {}

    def show(self, runs: Sequence[RunView]) -> None:
        self._runs = {run.id: run for run in sorted(runs, key=lambda run: -run.n)}
        self.set_ids(list(self._runs))

    def row(self, ref: str, width: int) -> Line:
        return run_line(self._runs[ref], width, self._now())
