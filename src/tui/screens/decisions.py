"""Screen 2: everything that waits for a human, with the evidence beside it or below."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from engine.api import DecisionCard, RunView
from engine.model import AnswerKind, DecisionState
from tui.actions import Scope, bindings
from tui.formats import one_line, short
from tui.messages import Overview, ShowCard, ShowLogs
from tui.screens.base import Panel
from tui.screens.deciding import Deciding
from tui.themes import Piece, Tone
from tui.widgets.bars import Bar
from tui.widgets.decision_list import DecisionList, head
from tui.widgets.evidence import standing, whole
from tui.widgets.lines import Lines
from tui.widgets.rows import Rows


class DecisionsScreen(Deciding, Panel):
    """A key decides on the row under the cursor, once its evidence is painted."""

    NAME = "decisions"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DECISIONS)]

    def body(self) -> ComposeResult:
        with Container(id="split"):
            with Vertical(id="queue"):
                yield Bar(id="queue-head")
                yield DecisionList(self.deck.now, id="list").add_class("ages")
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
        line = head(overview, self.queue.news, self.deck.now(), self.size.width)
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
        if action in ("approve", "reject", "changes", "details", "diff", "logs", "evidence"):
            return self.is_laid_out and self.queue.cursor is not None
        return True

    def merge(self) -> None:
        """`.`: take in what is new."""
        self.queue.merge()
        self.show_newest()

    def copyable(self) -> str | None:
        return self.queue.cursor

    def command(self) -> str | None:
        decision = self.queue.decision(self.queue.cursor)
        return None if decision is None else f"pilothouse decide {decision.id} approve --version {decision.version}"

    def go_to(self, ref: str) -> None:
        """Put the cursor on a decision, merging when it is new."""
        self.when_laid_out(lambda: self._go_to(ref))

    def _go_to(self, ref: str) -> None:
        if not self.queue.go(ref):
            self.queue.merge()
            self.queue.go(ref)

    def action_approve(self) -> None:
        self.decide(AnswerKind.APPROVE)

    def action_reject(self) -> None:
        self.decide(AnswerKind.REJECT)

    def action_changes(self) -> None:
        self.decide(AnswerKind.CHANGES)

    def action_details(self) -> None:
        if self.queue.cursor is not None:
            self.post_message(ShowCard(self.queue.cursor))

    def action_evidence(self) -> None:
        self.query_one("#evidence", Lines).focus()

    def show_log(self, run: RunView) -> None:
        self.post_message(ShowLogs(run.id, f"{one_line(run.key)} #{run.n}"))
