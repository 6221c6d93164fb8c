"""The gate card: one decision with its evidence, over whatever was there. Leaving it changes nothing."""

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from engine.api import DecisionCard, DecisionView, RunView
from engine.model import AnswerKind, DecisionState, Risk
from tui.actions import Scope, bindings
from tui.formats import clean, one_line, shorten
from tui.messages import Overview
from tui.screens.base import WIDE, Dialog
from tui.screens.deciding import Shown
from tui.screens.decision_work import DecisionWork
from tui.screens.deck import Deck
from tui.screens.log_sheet import LogSheet
from tui.screens.ruling import Ruling
from tui.themes import Line, Piece, Tone
from tui.widgets.asked import NUMBERED, Pick, numbered
from tui.widgets.bars import Bar, hints
from tui.widgets.evidence import beside, change, facts, short_of, standing
from tui.widgets.lines import Lines


class Card(Dialog, DecisionWork, Ruling):
    """Keys decide on exactly the id, version and content that are painted here."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.CARD)]
    SCOPES = (Scope.CARD, Scope.DIALOG)

    def __init__(self, deck: Deck, decision: str) -> None:
        super().__init__()
        self.deck = deck
        self.wanted = decision

    def compose(self) -> ComposeResult:
        with Vertical(id="card"):
            with Container(id="card-body"):
                yield Lines(id="card-facts", can_focus=False).add_class("ages")
                yield Lines(id="card-change", can_focus=False)
            yield Bar(id="card-said")
            with Horizontal(id="card-foot"):
                yield Button("Back", id="back", compact=True)
                yield Bar(id="card-hints")

    def on_mount(self) -> None:
        self.query_one("#back", Button).focus()
        self.present(self.wanted)
        if self.deck.blink:
            self.set_interval(1.0, self._tick)

    def lay_out(self, card: DecisionCard | None) -> None:
        if card is None:
            self.query_one("#card-said", Bar).set_line([(" this decision is gone", Tone.WARN)])
            return
        frame = self.query_one("#card", Vertical)
        frame.border_title = Content(clean(f"{short_of(card)} · {card.decision.kind.value}"))
        now, wide = self.deck.now, self.size.width >= WIDE
        text = beside if wide else facts
        self.query_one("#card-facts", Lines).show(lambda width: text(card, width, now()))
        body = self.query_one("#card-change", Lines)
        anchors: dict[str, Sequence[int]] = {}

        def paint(width: int) -> Sequence[Line]:
            painted = change(card, width, now(), self.pick, output=not wide)
            anchors.update(painted.anchors)
            return painted.lines

        body.show(paint, top=self.shown is None and not self.news, anchors=anchors)
        self._status(card)

    def _status(self, card: DecisionCard) -> None:
        line: list[Piece] = [(" ", Tone.PLAIN)]
        sent = self.deck.ballot.sent(card.decision.id)
        body = self.query_one("#card-change", Lines)
        hunk, hunks = body.place("hunk")
        if sent is not None:
            line.append((f"{sent.answer} sent" + ("…" if sent.confirmed else ", not confirmed"), Tone.BUSY))
        elif card.decision.state is not DecisionState.PENDING:
            line.append((f"it is {standing(card.decision)}", Tone.WARN))
        elif self.news:
            line.append(("changed while you looked: " + "; ".join(one_line(words) for words in self.news), Tone.WARN))
        elif self.shown is None:
            line.append(("keys wake in 0.3 s", Tone.FAINT))
        elif self.pick.option is not None:
            line.append(("chosen: ", Tone.DIM))
            line.append((shorten(one_line(self.pick.option, visible=True), 40), Tone.ASK))
            line.append((" · a sends it", Tone.DIM))
        elif card.decision.risk is Risk.HIGH:
            line.append(("high risk: a asks for the short id", Tone.BAD))
        if hunks:
            line.append((f"   hunk {hunk}/{hunks}", Tone.FAINT))
        self.query_one("#card-said", Bar).set_line(line)
        self.query_one("#card-hints", Bar).set_line(hints(self.hint_entries(), self.size.width - 16, 7))

    def _tick(self) -> None:
        if self.shown is not None and self.is_laid_out:
            self.query_one("#card-facts", Lines).again()
            self._status(self.shown.card)

    def woke(self) -> None:
        self._tick()

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out_again)

    def _lay_out_again(self) -> None:
        """Another width: the same card, its keys asleep again."""
        if self.shown is not None and self.is_laid_out:
            self.lay_out(self.shown.card)
            self.shown = Shown(self.shown.card, time.monotonic())

    def show(self, overview: Overview) -> None:
        self.follow_up(overview)
        self._tick()

    def answered(self, decision: DecisionView, kind: AnswerKind) -> None:
        self.dismiss(decision.id)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.action_leave()

    def action_approve(self) -> None:
        self.decide(AnswerKind.APPROVE)

    def action_reject(self) -> None:
        self.decide(AnswerKind.REJECT)

    def action_changes(self) -> None:
        self.decide(AnswerKind.CHANGES)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Numbers and the form are there for what takes them."""
        if action not in ("choose", "more_options", "fill"):
            return True
        if self.shown is None:
            return False
        decision = self.shown.card.decision
        if action == "fill":
            return AnswerKind.FILL in decision.options
        return bool(decision.choices) and (action == "choose" or len(decision.choices) > NUMBERED)

    def action_choose(self) -> None:
        """Mark the option of the number that was pressed; sends nothing."""
        press, shown = self.deck.guard.take(), self.shown
        keys = [key for key, active in self.active_bindings.items() if active.binding.id == "card.choose"]
        if shown is None or press is None or press.key not in keys:
            self.say("press the number of an option")
            return
        options = numbered(shown.card.decision, self.pick.page)
        at = keys.index(press.key)
        if at < len(options):
            self._mark(shown, self.pick._replace(option=options[at]))
        else:
            self.say("no option has that number")

    def action_more_options(self) -> None:
        if self.shown is not None:
            pages = -(-len(self.shown.card.decision.choices) // NUMBERED)
            self._mark(self.shown, self.pick._replace(page=(self.pick.page + 1) % max(1, pages)))

    def _mark(self, shown: Shown, pick: Pick) -> None:
        self.pick = pick
        self.query_one("#card-change", Lines).again()
        self._status(shown.card)

    def action_fill(self) -> None:
        """The form; what is typed there is sent from there."""
        self.decide(AnswerKind.FILL)

    def show_log(self, run: RunView) -> None:
        self.app.push_screen(LogSheet(self.deck, run.id))

    def _other(self, step: int) -> None:
        refs = [decision.id for decision in self.deck.feed.overview.decisions]
        if self.wanted in refs and len(refs) > 1:
            self.present(refs[(refs.index(self.wanted) + step) % len(refs)])

    def action_next_card(self) -> None:
        self._other(1)

    def action_previous_card(self) -> None:
        self._other(-1)

    def _jump(self, kind: str, step: int) -> None:
        self.query_one("#card-change", Lines).jump(kind, step)
        self._tick()

    def action_next_file(self) -> None:
        self._jump("file", 1)

    def action_previous_file(self) -> None:
        self._jump("file", -1)

    def action_next_hunk(self) -> None:
        self._jump("hunk", 1)

    def action_previous_hunk(self) -> None:
        self._jump("hunk", -1)

    def action_down(self) -> None:
        self.query_one("#card-change", Lines).action_down()

    def action_up(self) -> None:
        self.query_one("#card-change", Lines).action_up()

    def action_page_down(self) -> None:
        self.query_one("#card-change", Lines).action_page_down()

    def action_page_up(self) -> None:
        self.query_one("#card-change", Lines).action_page_up()
