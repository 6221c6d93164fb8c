"""The queue of decisions. It never re-sorts under the cursor: news is announced, a merge brings it in."""

from collections.abc import Callable
from datetime import datetime

from engine.api import DecisionView
from engine.api.urgency import is_put_off
from engine.model import AnswerKind, DecisionState, Risk
from tui.formats import ago, fit, one_line, short, until
from tui.messages import Overview
from tui.themes import RISK_TONES, Line, Piece, Tone
from tui.widgets.circumstances import snooze_words
from tui.widgets.rows import Rows

FACTS = 20  # cells of age, deadline and what it blocks, or of what has been answered
TAKEN = {
    AnswerKind.APPROVE: "approved",
    AnswerKind.REJECT: "rejected",
    AnswerKind.CHANGES: "changes asked for",
    AnswerKind.CHOOSE: "chosen",
    AnswerKind.FILL: "filled in",
    AnswerKind.SNOOZE: "snoozed",
}


class DecisionList(Rows):
    """Rows of pending and staged decisions, in the engine's order of urgency at the last merge."""

    def __init__(self, now: Callable[[], datetime], operator: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id, empty="nothing waits for you")
        self._now = now
        self._operator = operator
        self._marks: dict[str, None] = {}
        self.only_mine = False  # what is for others or put off is not shown
        self._overview = Overview()
        self._known: dict[str, DecisionView] = {}

    def paint(self, overview: Overview) -> None:
        """Show the newest facts in the old order. What has ended leaves, except under the cursor."""
        self._overview = overview
        fresh = {decision.id: decision for decision in overview.decisions}
        keep = [ref for ref in self._known if ref in fresh or (ref == self.cursor and ref in self._known)]
        known = {ref: fresh.get(ref, self._known[ref]) for ref in keep}
        # Where nothing in the list waits any more, what is new comes below: that moves nothing.
        self._known = known if any(ref in fresh for ref in known) else known | fresh
        self._marks = {ref: None for ref in self._marks if ref in fresh}
        self.set_ids(self._shown())

    def merge(self) -> None:
        """Take the engine's order, with what is new and without what has ended."""
        self._known = {decision.id: decision for decision in self._overview.decisions}
        self.set_ids(self._shown())

    def _shown(self) -> list[str]:
        return [ref for ref in self._known if not self.only_mine or self._is_mine(self._known[ref])]

    def _is_mine(self, decision: DecisionView) -> bool:
        """For this operator or for nobody special, and not put off."""
        return (decision.delegate or self._operator) == self._operator and not is_put_off(decision)

    @property
    def hidden(self) -> int:
        """Known decisions that the filter keeps off the list."""
        return len(self._known) - len(self.ids)

    @property
    def marked(self) -> list[str]:
        """Marked ids, in the order of the list."""
        return [ref for ref in self.ids if ref in self._marks]

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        ref = self.cursor
        if ref is not None and self._marks.pop(ref, self) is self:
            self._marks[ref] = None
        self.refresh()

    def unmark(self) -> None:
        self._marks.clear()
        self.refresh()

    @property
    def news(self) -> int:
        """Decisions that wait outside of the list until it is merged."""
        return sum(decision.id not in self._known for decision in self._overview.decisions)

    def decision(self, ref: str | None) -> DecisionView | None:
        return None if ref is None else self._known.get(ref)

    def is_gone(self, ref: str) -> bool:
        """Whether the engine no longer has it among those that wait."""
        return self._overview.decision(ref) is None

    def row(self, ref: str, width: int) -> Line:
        decision, now = self._known[ref], self._now()
        kind = 10 if width >= 76 else 0
        place = 24 if width >= 110 else 11 if width >= 70 else 0
        where = one_line(f"{decision.goal_title}/{decision.task_key}" if place > 20 else decision.task_key)
        name = max(6, width - 1 - 7 - 7 - kind - place - FACTS - 1)
        quiet = self.is_gone(ref) or decision.state is not DecisionState.PENDING
        return [
            (f"{'*' if ref in self._marks else ' '}", Tone.ASK),
            (f"{decision.risk.value:<7}", RISK_TONES[decision.risk]),
            (f"{short(decision.id):<7}", Tone.ASK if not quiet else Tone.DIM),
            (fit(decision.kind.value.split("_")[0], kind), Tone.FAINT),
            (fit(one_line(decision.question, visible=True), name) + " ", Tone.DIM if quiet else Tone.STRONG),
            (fit(where, place), Tone.DIM),
            *self._facts(decision, now),
        ]

    def _facts(self, decision: DecisionView, now: datetime) -> list[Piece]:
        said = self._said(decision)
        if said is not None:
            return [(fit(" " + said[0], FACTS), said[1])]
        due = until(decision.deadline, now).replace("in ", "due ")
        return [
            (f"{ago(decision.opened_at, now):>6}", Tone.DIM),
            (f"  {due or '–':<9}", Tone.WARN if due else Tone.FAINT),
            (f" ▸{decision.blocks}" if decision.blocks else "   ", Tone.DIM),
        ]

    def _said(self, decision: DecisionView) -> tuple[str, Tone] | None:
        sent = self._overview.sent.get(decision.id)
        if sent is not None:
            return (f"{sent.answer} sent…" if sent.confirmed else f"{sent.answer} not confirmed"), Tone.BUSY
        if self.is_gone(decision.id):
            return TAKEN[decision.answer] if decision.answer else "has ended", Tone.DIM
        if decision.state is DecisionState.STAGED:
            left = 0.0
            if decision.effective_at is not None:
                left = max(0.0, (decision.effective_at - self._now()).total_seconds())
            return f"{decision.answer} in {left:.0f} s", Tone.BUSY
        words = snooze_words(decision, self._now())
        return (words, Tone.FAINT) if words else None


def head(overview: Overview, queue: DecisionList, now: datetime) -> Line:
    """The line above the queue: how many wait, the oldest, what is new, put off, marked, hidden."""
    waiting = [decision for decision in overview.decisions if decision.state is DecisionState.PENDING]
    high = sum(decision.risk is Risk.HIGH for decision in waiting)
    asleep = sum(is_put_off(decision) for decision in waiting)
    line: list[Piece] = [(f"  {len(waiting)} pending", Tone.HEAD)]
    if waiting:
        line.append((f", oldest {ago(min(decision.opened_at for decision in waiting), now)}", Tone.DIM))
    if high:
        line.append((f"   {high} high risk", Tone.BAD))
    if asleep:
        line.append((f"   {asleep} put off", Tone.DIM))
    if queue.marked:
        line.append((f"   {len(queue.marked)} marked", Tone.ASK))
    if queue.only_mine:
        line.append((f"   @ mine, {queue.hidden} hidden", Tone.ASK))
    if queue.news:
        line.append((f"   {queue.news} new: . merges", Tone.ASK))
    return line
