"""Live sandboxes, one row each."""

from collections.abc import Callable
from datetime import datetime

from engine.api import SandboxView
from engine.model import Activity
from tui.formats import ago, duration, fit, glyph, one_line, size
from tui.messages import Overview
from tui.themes import STATE_TONES, Line, Tone
from tui.widgets.rows import Rows

STATE, SAYS = 10, 16  # cells


class SandboxList(Rows):
    """Rows are sandboxes by name."""

    def __init__(self, now: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id, empty="nothing is alive")
        self._now = now
        self._known: dict[str, SandboxView] = {}

    def paint(self, overview: Overview) -> None:
        self._known = {sandbox.name: sandbox for sandbox in overview.sandboxes}
        self.set_ids(list(self._known))

    def sandbox(self, ref: str | None) -> SandboxView | None:
        return None if ref is None else self._known.get(ref)

    @property
    def word_width(self) -> int:
        """Cells of the state: more of them while one says what it does, and for how long."""
        return SAYS if any(_does(box) for box in self._known.values()) else STATE

    def row(self, ref: str, width: int) -> Line:
        box = self._known[ref]
        does, state = _does(box), self.word_width
        word = "frozen" if box.frozen else str(box.state)
        tone = Tone.WARN if box.frozen or does else STATE_TONES.get(box.state, Tone.PLAIN)
        tone = Tone.BAD if box.stalled else tone
        wide = width >= 100
        name = 34 if wide else 0
        rest = width - 2 - state - 8 - 7 - 8 - 6 - 9 - name
        return [
            (glyph(word) + " ", tone),
            (fit(one_line(box.task_key) + (" (pinned)" if box.pin else ""), rest), Tone.STRONG),
            (fit(does or word, state), tone),
            (fit(box.driver.value, 8), Tone.DIM),
            (f"{ago(box.started_at, self._now()):>6} ", Tone.DIM),
            (f"{size(box.memory):>7} ", Tone.PLAIN),
            (f"{box.cpus:>4g}× ", Tone.PLAIN),
            (fit(one_line(box.network), 9), Tone.DIM if box.network == "none" else Tone.WARN),
            (fit(one_line(box.name), name), Tone.FAINT),
        ]


def _does(box: SandboxView) -> str:
    """`quiet 6m`: what it does unless it works; empty where nobody watches it, and for a frozen one."""
    if box.frozen or box.activity is None or box.activity is Activity.WORKING:
        return ""
    return f"{box.activity.value} {duration(box.activity_age or 0.0)}"


def columns(width: int, state: int = STATE) -> Line:
    """The heading above the rows; `state`: cells of the word that says what each of them does."""
    wide = width >= 102
    name = 34 if wide else 0
    rest = width - 2 - 2 - state - 8 - 7 - 8 - 6 - 9 - name
    words = f"    {'task':<{max(4, rest)}}{'state':<{state}}{'driver':<8}"
    words += f"{'age':>6} {'memory':>7} {'cpus':>5} {'network':<9}"
    return [(words + ("sandbox" if wide else ""), Tone.FAINT)]
