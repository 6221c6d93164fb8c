"""Screen 2: everything that waits for a human, with the evidence beside it or below."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from engine.api import DecisionCard, RunView
from engine.model import AnswerKind, DecisionState
from tui.actions import Action, Scope, bindings
from tui.formats import one_line, short
from tui.messages import Overview, ShowCard, ShowLogs
from tui.screens.base import Panel
from tui.screens.batch import Batch, unlike
from tui.screens.deciding import meant
from tui.screens.decision_work import DecisionWork
from tui.screens.reader import Reader
from tui.screens.ruling import Ruling
from tui.themes import Piece, Tone
from tui.widgets.bars import Bar
from tui.widgets.decision_list import DecisionList, head
from tui.widgets.evidence import standing, whole
from tui.widgets.history_lines import history_lines, history_title
from tui.widgets.lines import Lines
from tui.widgets.rows import Rows

PAGE = 500  # rows of the history
NEEDS_ROW = frozenset(
    {"approve", "reject", "changes", "details", "diff", "logs", "evidence", "snooze", "delegate", "note", "abort",
     "rule", "mark"}
)  # fmt: skip


class DecisionsScreen(DecisionWork, Ruling, Panel):
    """A key decides on the row under the cursor, once its evidence is painted."""

    NAME = "decisions"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DECISIONS)]

    def body(self) -> ComposeResult:
        with Container(id="split"):
            with Vertical(id="queue"):
                yield Bar(id="queue-head")
                yield DecisionList(self.deck.now, self.deck.operator, id="list").add_class("ages")
            with Vertical(id="proof"):
                yield Bar(id="proof-head")
                yield Lines(id="evidence")

    def on_mount(self) -> None:
        self.query_one("#list").focus()

    @property
    def queue(self) -> DecisionList:
        return self.query_one(DecisionList)

    def paint(self, overview: Overview) -> None:
        self.queue.paint(overview)
        line = head(overview, self.queue, self.deck.now())
        self.query_one("#queue-head", Bar).set_line(line)
        if self.queue.cursor != self.wanted:
            self.present(self.queue.cursor)
        self.follow_up(overview)

    def on_rows_moved(self, message: Rows.Moved) -> None:
        if message.ref != self.wanted:
            self.present(message.ref)
        self.queue.paint(self.deck.feed.overview)
        self.show_hints()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        self.action_details()

    def lay_out(self, card: DecisionCard | None) -> None:
        title: list[Piece] = [(" evidence", Tone.DIM)]
        now = self.deck.now
        if card is not None:
            decision = card.decision
            title += [(f"  {short(decision.id)} v{decision.version}", Tone.ASK), (f" · {standing(decision)}", Tone.DIM)]
            if self.news and decision.state is DecisionState.PENDING:
                title.append((" · changed: " + "; ".join(one_line(words) for words in self.news), Tone.WARN))
            self.query_one("#evidence", Lines).show(lambda width: whole(card, width, now()).lines, top=not self.news)
        else:
            self.query_one("#evidence", Lines).show(lambda width: [], top=True)
        self.query_one("#proof-head", Bar).set_line(title)
        self.show_hints()

    def woke(self) -> None:
        self.show_hints()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of a decision need one under the cursor."""
        if action in NEEDS_ROW:
            return self.is_laid_out and self.queue.cursor is not None
        if action in ("batch", "unmark"):
            return self.is_laid_out and bool(self.queue.marked)
        return True

    def merge(self) -> None:
        """`.`: take in what is new."""
        self.queue.merge()
        self.show_newest()

    def copyable(self) -> str | None:
        return self.queue.cursor

    def command(self) -> str | None:
        decision = self.queue.decision(self.queue.cursor)
        if decision is None:
            return None
        kind = meant(decision, AnswerKind.APPROVE)
        words = {AnswerKind.CHOOSE: " --option OPTION", AnswerKind.FILL: " --field NAME=VALUE"}.get(kind, "")
        return f"pilothouse decide {decision.id} {kind}{words} --version {decision.version}"

    def go_to(self, ref: str) -> None:
        """Put the cursor on a decision, merging when it is new."""
        self.when_laid_out(lambda: self._go_to(ref))

    def _go_to(self, ref: str) -> None:
        if not self.queue.go(ref):
            self.queue.merge()
            self.queue.go(ref)

    def action_approve(self) -> None:
        """What is chosen is chosen on the card: here the numbers are screens."""
        shown = self.shown
        if shown is not None and meant(shown.card.decision, AnswerKind.APPROVE) is AnswerKind.CHOOSE:
            self.action_details()
        else:
            self.decide(AnswerKind.APPROVE)

    def label(self, action: Action) -> str:
        name = super().label(action)
        return "choose" if name == "send choice" else name

    def action_reject(self) -> None:
        self.decide(AnswerKind.REJECT)

    def action_changes(self) -> None:
        self.decide(AnswerKind.CHANGES)

    def action_details(self) -> None:
        if self.queue.cursor is not None:
            self.post_message(ShowCard(self.queue.cursor))

    def action_mark(self) -> None:
        self.queue.toggle_mark()
        self.show_newest()

    def action_unmark(self) -> None:
        self.queue.unmark()
        self.show_newest()

    def action_mine(self) -> None:
        """Only what is for this operator and not put off; again: everything."""
        self.queue.only_mine = not self.queue.only_mine
        self.show_newest()

    def action_batch(self) -> None:
        """What is marked, as it is painted in the list."""
        rows = [row for row in map(self.queue.decision, self.queue.marked) if row is not None]
        problem = unlike(rows)
        if problem:
            self.say(problem)
        else:
            self.app.push_screen(Batch(self.deck, rows), self._batched)

    def _batched(self, sent: object) -> None:
        if sent:
            self.queue.unmark()
            self.show_newest()

    def action_history(self) -> None:
        self.work(self._history)

    async def _history(self) -> None:
        entries, attention = await self.deck.engine.history(PAGE), await self.deck.engine.attention()
        now = self.deck.now()
        title = history_title(attention)
        self.app.push_screen(Reader(self.deck, title, lambda width: history_lines(entries, attention, width, now)))

    def action_evidence(self) -> None:
        self.query_one("#evidence", Lines).focus()

    def show_log(self, run: RunView) -> None:
        self.post_message(ShowLogs(run.id, f"{one_line(run.key)} #{run.n}"))
