"""Live sandboxes, one row each."""

from collections.abc import Callable
from datetime import datetime

from engine.api import SandboxView
from tui.formats import ago, fit, glyph, one_line, size
from tui.messages import Overview
from tui.themes import STATE_TONES, Line, Tone
from tui.widgets.rows import Rows


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

    def row(self, ref: str, width: int) -> Line:
        box = self._known[ref]
        word = "frozen" if box.frozen else str(box.state)
        tone = Tone.WARN if box.frozen else STATE_TONES.get(box.state, Tone.PLAIN)
        wide = width >= 100
        name = 34 if wide else 0
        rest = width - 2 - 10 - 8 - 7 - 8 - 6 - 9 - name
        return [
            (glyph(word) + " ", tone),
            (fit(one_line(box.task_key), rest), Tone.STRONG),
            (fit(word, 10), tone),
            (fit(box.driver.value, 8), Tone.DIM),
            (f"{ago(box.started_at, self._now()):>6} ", Tone.DIM),
            (f"{size(box.memory):>7} ", Tone.PLAIN),
            (f"{box.cpus:>4g}× ", Tone.PLAIN),
            (fit(one_line(box.network), 9), Tone.DIM if box.network == "none" else Tone.WARN),
            (fit(one_line(box.name), name), Tone.FAINT),
        ]


def columns(width: int) -> Line:
    """The heading above the rows."""
    wide = width >= 102
    name = 34 if wide else 0
    rest = width - 2 - 2 - 10 - 8 - 7 - 8 - 6 - 9 - name
    words = f"    {'task':<{max(4, rest)}}{'state':<10}{'driver':<8}{'age':>6} {'memory':>7} {'cpus':>5} {'network':<9}"
    return [(words + ("sandbox" if wide else ""), Tone.FAINT)]
