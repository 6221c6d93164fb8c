"""How a key decides: once, on what was painted, awake, alone; the reason asked for; shown as sent until confirmed."""

import time
from typing import NamedTuple

from engine.api import DecisionCard, DecisionView, RunView
from engine.errors import Conflict, NotFound, PilothouseError
from engine.model import AnswerKind, DecisionState, Risk
from tui.actions.press import AWAKE_AFTER, CROWD, Press, refusal
from tui.formats import one_line, short
from tui.messages import Overview
from tui.screens.ask import Reason, TypedId
from tui.screens.base import Working
from tui.screens.reader import DiffReader
from tui.themes import Line, Tone
from tui.widgets.evidence import differences


class Shown(NamedTuple):
    """A card as it was painted, and the monotonic second at which that was."""

    card: DecisionCard
    at: float


class Deciding(Working):
    """A screen with deciding keys, for the one decision that is painted in full."""

    shown: Shown | None = None
    wanted: str | None = None
    news: tuple[str, ...] = ()  # what changed since it was painted before

    def lay_out(self, card: DecisionCard | None) -> None:
        """Paint a card, or that there is none."""
        raise NotImplementedError

    def present(self, ref: str | None) -> None:
        """Read a decision, paint it, and wake its keys a moment later."""
        if ref != self.wanted:
            self.shown, self.news = None, ()
        self.wanted = ref
        if ref is None:
            self.lay_out(None)
        else:
            self.work(self._load, ref, group="card", exclusive=True)

    async def _load(self, ref: str) -> None:
        try:
            card = await self.deck.engine.decision(ref)
        except NotFound:
            if ref == self.wanted:
                self.shown = None
                self.lay_out(None)
            raise
        if ref != self.wanted:
            return
        if self.shown is not None:
            self.news = tuple(differences(self.shown.card, card)) or self.news
        self.shown = None
        self.lay_out(card)
        self.call_after_refresh(self._painted, card)

    def _painted(self, card: DecisionCard) -> None:
        if card.decision.id == self.wanted and self.is_current:
            self.shown = Shown(card, time.monotonic())
            self.set_timer(AWAKE_AFTER, self.woke)

    def woke(self) -> None:
        """Its keys work from here on."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        """It comes to the screen again: its keys sleep again."""
        if self.shown is not None:
            self.shown = self.shown._replace(at=time.monotonic())

    def follow_up(self, overview: Overview) -> None:
        """Read the painted decision again when the overview has it otherwise."""
        if self.shown is None:
            return
        decision = self.shown.card.decision
        row = overview.decision(decision.id)
        gone = row is None and decision.state in (DecisionState.PENDING, DecisionState.STAGED)
        if gone or (row is not None and (row.version, row.state) != (decision.version, decision.state)):
            self.present(decision.id)

    def decide(self, kind: AnswerKind) -> None:
        """A deciding key was pressed."""
        shown, press = self.shown, self.deck.guard.take()
        problem = refusal(press, None if shown is None else shown.at)
        if shown is not None:
            problem = problem or self.impossible(shown.card.decision, kind)
        if shown is None or press is None or problem:
            self.say(problem)
        else:
            self.set_timer(CROWD, lambda: self._if_alone(shown, kind, press))

    def offers(self, action: str) -> bool:
        """Only answers the engine offers are hinted at; the others say why when they are pressed."""
        if action not in set(AnswerKind):
            return True
        return self.shown is not None and not self.impossible(self.shown.card.decision, AnswerKind(action))

    def impossible(self, decision: DecisionView, kind: AnswerKind) -> str:
        """Why this answer cannot be given at present; empty when it can."""
        if self.deck.ballot.sent(decision.id) is not None:
            return "an answer is on its way"
        if decision.state is not DecisionState.PENDING:
            return f"it is {decision.state}"
        return "" if kind in decision.options else f"it cannot be answered with {kind}"

    def _if_alone(self, shown: Shown, kind: AnswerKind, press: Press) -> None:
        if not press.stood_alone:
            self.say("several keys at once: nothing decided")
        elif not self.is_current or self.shown != shown:
            self.say("it changed at that moment: nothing decided")
        else:
            self.work(self._answer, shown, kind)

    async def _answer(self, shown: Shown, kind: AnswerKind) -> None:
        decision = shown.card.decision
        said: object = decision.id
        if kind is not AnswerKind.APPROVE:
            said = await self.app.push_screen_wait(Reason(self.deck, _title(decision, kind), str(kind)))
        elif decision.risk is Risk.HIGH:
            said = await self.app.push_screen_wait(TypedId(self.deck, _title(decision, kind), short(decision.id)))
        if said is None:
            return  # esc: everything stays as it was
        await self._send(shown, kind, "" if kind is AnswerKind.APPROVE else str(said))

    async def _send(self, shown: Shown, kind: AnswerKind, feedback: str) -> None:
        decision, seconds = shown.card.decision, time.monotonic() - shown.at
        try:
            await self.deck.ballot.send(decision, kind, feedback, by=self.deck.operator, shown=seconds)
        except Conflict as conflict:
            self.tell(conflict)
            self.present(decision.id)
        except PilothouseError as error:
            self.tell(error)
        else:
            self.answered(decision, kind)
        self.deck.feed.refresh()

    def action_diff(self) -> None:
        if self.shown is None:
            self.say("it is still being read")
        elif self.shown.card.diff is None:
            self.say("there is no change to show")
        else:
            label = one_line(self.shown.card.decision.task_key, visible=True)
            self.app.push_screen(DiffReader(self.deck, label, self.shown.card.diff))

    def action_logs(self) -> None:
        if self.shown is None:
            self.say("it is still being read")
        elif self.shown.card.last_run is None:
            self.say("there is no log behind it")
        else:
            self.show_log(self.shown.card.last_run)

    def show_log(self, run: RunView) -> None:
        """Show the log a decision rests on."""
        raise NotImplementedError

    def answered(self, decision: DecisionView, kind: AnswerKind) -> None:
        """The engine has taken the answer."""


def _title(decision: DecisionView, kind: AnswerKind) -> Line:
    words = {AnswerKind.APPROVE: "Approve", AnswerKind.REJECT: "Reject, because", AnswerKind.CHANGES: "What to change"}
    return [(f"{words[kind]} · ", Tone.HEAD), (f"{short(decision.id)} v{decision.version}", Tone.ASK)]
