"""One-row bars: the header, the tabs, notices, the undo line, hints."""

from collections.abc import Sequence
from datetime import datetime

from textual.strip import Strip

from engine.model import DecisionState, GoalState
from tui.formats import ago, hour, one_line, short, shorten, until, width_of
from tui.messages import Link, Overview
from tui.themes import Line, Piece, Tone
from tui.widgets.canvas import Canvas

TABS = (
    ("1", "Goals", "goals"),
    ("2", "Decisions", "decisions"),
    ("3", "Logs", "logs"),
    ("5", "Sandboxes", "sandboxes"),
)


class Bar(Canvas, can_focus=False):
    """One line, its left part cut before its right part."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id)
        self.set_classes(classes or "")
        self._left: Line = ()
        self._right: Line = ()

    def set_line(self, left: Line, right: Line = ()) -> None:
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """What it says, as plain text."""
        return "".join(text for text, _ in [*self._left, *self._right])

    def render_line(self, y: int) -> Strip:
        width = self.room.width
        right = sum(width_of(text) for text, _ in self._right)
        if y or right > width:
            return self.strip(self._right, width) if not y else self.blank(width)
        room = width - right
        used = sum(width_of(text) for text, _ in self._left)
        left = [*self._left, (" " * (room - used), Tone.PLAIN)] if used <= room else _cut(self._left, room)
        return self.strip([*left, *self._right], width)


def _cut(line: Line, room: int) -> list[Piece]:
    pieces: list[Piece] = []
    for text, tone in line:
        if room <= 0:
            break
        kept = shorten(text, room)
        pieces.append((kept, tone))
        room -= width_of(kept)
    return [*pieces, (" " * max(0, room), Tone.PLAIN)]


def header(overview: Overview, now: datetime, *, wide: bool) -> tuple[Line, Line]:
    """Project, dispatch, runs, waits, decisions with the oldest one's age; on the right how fresh this is."""
    gap = "   "
    right: list[Piece] = [
        (link_words(overview, now), Tone.DIM if overview.link is Link.LIVE else Tone.ALERT),
        (" ", Tone.PLAIN),
    ]
    status = overview.status
    if status is None:
        return [(" pilothouse", Tone.HEAD)], right
    engine = status.engine
    name = one_line(engine.project.rstrip("/").rpartition("/")[2]) or "pilothouse"
    waits = sum(goal.waiting and goal.state is GoalState.ACTIVE for goal in status.goals)
    dispatch = engine.state if engine.state != "running" else "on" if engine.dispatch else "off"
    waiting = _waiting(overview, now, wide)
    left: list[Piece] = [
        (f" {name}", Tone.HEAD),
        (gap + "dispatch ", Tone.DIM),
        (dispatch, Tone.GOOD if dispatch == "on" else Tone.ALERT if dispatch == "off" else Tone.WARN),
        (gap + "runs ", Tone.DIM),
        (f"{engine.live_runs}/{engine.max_parallel}", Tone.BUSY if engine.live_runs else Tone.PLAIN),
        (gap + "waits ", Tone.DIM),
        (str(waits), Tone.ASK if waits else Tone.PLAIN),
        *waiting,
    ]
    if engine.next_start is not None and (wide or not waiting):
        left += [(gap + "next ", Tone.DIM), (one_line(engine.next_start.schedule), Tone.PLAIN)]
        left += [(f" {until(engine.next_start.at, now)}", Tone.DIM)]
    if wide:
        driver = f"{engine.driver or engine.runtime}"
        left += [(gap + "sandboxes ", Tone.DIM), (f"{len(overview.sandboxes)} {driver}", Tone.PLAIN)]
        left += [(gap + f"seq {overview.seq}", Tone.FAINT)]
    return left, right


def _waiting(overview: Overview, now: datetime, wide: bool) -> list[Piece]:
    opened = [d.opened_at for d in overview.decisions if d.state is DecisionState.PENDING]
    if not opened:
        return [("   decisions ", Tone.DIM), ("0", Tone.PLAIN)] if wide else []
    word = "   decisions " if wide else "   !"
    return [
        (word, Tone.DIM if wide else Tone.ASK),
        (str(len(opened)), Tone.ASK),
        (f", oldest {ago(min(opened), now)}", Tone.DIM),
    ]


def link_words(overview: Overview, now: datetime) -> str:
    """`live 14:20:07`, or how old the view is and why."""
    match overview.link:
        case Link.LIVE:
            return f"live {hour(now)}"
        case Link.CONNECTING:
            return "connecting…"
        case Link.STALE | Link.REFUSED | Link.BROKEN:
            age = ago(overview.heard_at, now)
            return f" {overview.link.upper()}{' for ' + age if age else ''} "


def tabs(overview: Overview, current: str) -> Line:
    """The screens; decisions carry how many wait."""
    waiting = sum(decision.state is DecisionState.PENDING for decision in overview.decisions)
    line: list[Piece] = []
    for key, label, name in TABS:
        here = name == current
        line += [(f" {key} ", Tone.KEY if here else Tone.FAINT), (label, Tone.HEAD if here else Tone.DIM)]
        if name == "decisions" and waiting:
            line.append((f" !{waiting}", Tone.ASK))
        line.append(("  ", Tone.PLAIN))
    return line


def hints(entries: Sequence[tuple[str, str]], width: int, most: int) -> Line:
    """`i why  l logs  …`: as many as fit, the last one (help) always."""
    line: list[Piece] = [(" ", Tone.PLAIN)]
    *first, last = entries or [("", "")]
    room = width - 2 - width_of("  ".join(last)) - 1
    for key, label in first[: most - 1]:
        cells = width_of(key) + width_of(label) + 3
        if cells > room:
            break
        line += [(key, Tone.KEY), (f" {label}  ", Tone.DIM)]
        room -= cells
    return [*line, (last[0], Tone.KEY), (f" {last[1]}", Tone.DIM)]


def undo_line(overview: Overview, now: datetime) -> Line:
    """The staged answers that `u` still takes back."""
    staged = [row for row in overview.decisions if row.state is DecisionState.STAGED]
    line: list[Piece] = []
    for row in staged[-2:]:
        left = 0.0 if row.effective_at is None else max(0.0, (row.effective_at - now).total_seconds())
        line += [
            (" ✓ " if not line else "  · ", Tone.GOOD),
            (f"{short(row.id)} {row.answer}", Tone.STRONG),
            (f", takes effect in {left:.0f} s  ", Tone.DIM),
        ]
    return [*line, ("u", Tone.KEY), (" undo", Tone.DIM)] if line else []


def trouble_line(overview: Overview) -> Line:
    """Why the view is old, or what the engine wants to be seen; empty when there is nothing to say."""
    if overview.link in (Link.STALE, Link.REFUSED, Link.BROKEN):
        retry = "connecting again" if overview.link is Link.STALE else ". tries again"
        return [(" ! ", Tone.BAD), (one_line(overview.trouble), Tone.WARN), (f" · {retry}", Tone.DIM)]
    notices = () if overview.status is None else overview.status.engine.notices
    if not notices:
        return []
    more = f"  (+{len(notices) - 1} more)" if len(notices) > 1 else ""
    return [(" ! ", Tone.WARN), (one_line(notices[0]), Tone.WARN), (more, Tone.DIM)]
