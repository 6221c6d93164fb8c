"""Look-alikes answered together: every line is shown first, one press sends all, each line tells what became of it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from engine.api import BatchAnswer, BatchOutcome, DecisionView
from engine.errors import PilothouseError
from engine.model import AnswerKind, DecisionState, Risk
from tui.actions import Scope, bindings
from tui.bridge import Said
from tui.formats import one_line, plural, short
from tui.messages import Overview
from tui.screens.ask import Reason
from tui.screens.deck import Deck
from tui.screens.weighed import Weighed
from tui.themes import RISK_TONES, Line, Tone
from tui.widgets.asked import asked
from tui.widgets.decision_list import TAKEN
from tui.widgets.lines import Lines, fold


def unlike(rows: Sequence[DecisionView]) -> str:
    """Why these cannot be answered together; empty when they can."""
    if not rows:
        return "nothing is marked: space marks"
    first = rows[0]
    if any(row.kind is not first.kind or row.risk is not first.risk for row in rows):
        return "a batch is of one kind and one risk: mark look-alikes only"
    if first.risk is Risk.HIGH:
        return "what is of high risk is answered one by one"
    if any(row.state is not DecisionState.PENDING for row in rows):
        return "one of them waits no more: unmark it"
    if AnswerKind.APPROVE not in first.options and AnswerKind.REJECT not in first.options:
        return f"{first.kind.value} is chosen or filled in one by one"
    return ""


class Batch(Weighed):
    """Dismissed with whether something was sent."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.BATCH)]
    SCOPES = (Scope.BATCH, Scope.MOVE, Scope.DIALOG)

    def __init__(self, deck: Deck, rows: Sequence[DecisionView]) -> None:
        self._rows = rows
        self._outcomes: dict[str, BatchOutcome] = {}
        self._moved: frozenset[str] = frozenset()
        self._sent = ""
        first = rows[0]
        title: Line = [
            (f" batch of {len(rows)} ", Tone.HEAD),
            (f"{first.kind.value}, ", Tone.DIM),
            (f"risk {first.risk}", RISK_TONES[first.risk]),
        ]
        super().__init__(deck, title, self._paint)

    def _paint(self, width: int) -> Sequence[Line]:
        lines: list[Line] = [[(self._sent or "nothing is sent yet", Tone.BUSY if self._sent else Tone.DIM)], []]
        for row in self._rows:
            where = f"{one_line(row.goal_title, visible=True)} › {one_line(row.task_key, visible=True)}"
            question = one_line(row.question, visible=True)[:2_000]
            lines += fold([(f"{short(row.id)} v{row.version} ", Tone.ASK), (question, Tone.STRONG)], width, 7)
            lines += fold([("       ", Tone.PLAIN), (where, Tone.DIM)], width, 7)
            lines += [[("       ", Tone.PLAIN), *line] for line in asked(row, width - 7)]
            lines += fold([("       ", Tone.PLAIN), *self._became(row)], width, 7)
        return lines

    def _became(self, row: DecisionView) -> Line:
        outcome = self._outcomes.get(row.id)
        if outcome is None:
            changed = "it changed since: this line will be refused" if row.id in self._moved else ""
            return [(changed, Tone.WARN)]
        if outcome.view is None:
            return [(f"✗ {one_line(outcome.message)}", Tone.BAD)]
        answer = outcome.view.answer
        return [(f"✓ {TAKEN[answer] if answer is not None else 'taken, a second name is needed'}", Tone.GOOD)]

    def show(self, overview: Overview) -> None:
        """Say which lines moved on; the answer goes to what is painted all the same, and is refused there."""
        if self._sent or not self.is_laid_out:
            return
        now = {row.id: (row.version, row.state) for row in overview.decisions}
        moved = frozenset(row.id for row in self._rows if now.get(row.id) != (row.version, row.state))
        if moved != self._moved:
            self._moved = moved
            self.repaint()

    def action_approve(self) -> None:
        self._decide(AnswerKind.APPROVE)

    def action_reject(self) -> None:
        self._decide(AnswerKind.REJECT)

    def _decide(self, kind: AnswerKind) -> None:
        if self._sent:
            self.say("it is sent already")
        elif kind not in self._rows[0].options:
            self.say(f"they cannot be answered with {kind}")
        else:
            self.weigh(lambda: self._once_seen(kind))

    def _once_seen(self, kind: AnswerKind) -> None:
        if self._seen:
            self.work(self._send, kind)
        else:
            self.say("there are lines below that were not shown: G first")

    @property
    def _seen(self) -> bool:
        """Whether the last line is on the screen: nothing is sent that was never shown."""
        body = self.query_one("#sheet-body", Lines)
        return round(body.scroll_y) >= body.max_scroll_y

    async def _send(self, kind: AnswerKind) -> None:
        said, shown = Said(kind), self.seconds
        if kind is AnswerKind.REJECT:
            title: Line = [(f"Reject all {len(self._rows)}, because", Tone.HEAD)]
            reason = await self.app.push_screen_wait(Reason(self.deck, title, "reject all"))
            if reason is None:
                return
            said = said._replace(feedback=str(reason))
        self._sent = f"{kind} sent to {plural(len(self._rows), 'decision')}…"
        self.repaint()
        by = self.deck.operator
        answers = [BatchAnswer(decision=row.id, answer=said.to(row, by=by, shown=shown)) for row in self._rows]
        try:
            outcomes = await self.deck.engine.answer_batch(answers)
        except PilothouseError:
            self._sent = ""
            self.repaint()
            raise
        self._outcomes = {outcome.decision: outcome for outcome in outcomes}
        taken = sum(outcome.view is not None for outcome in outcomes)
        self._sent = f"{kind}: {taken} of {len(self._rows)} taken"
        self.repaint()
        self.deck.feed.refresh()

    def action_leave(self) -> None:
        self.dismiss(bool(self._sent))
