"""How a key decides: once, on what was painted, awake, alone; asked for what the answer needs; shown as sent."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from engine.api import DecisionCard, DecisionView, RunView
from engine.errors import Conflict, Invalid, NotFound, PilothouseError
from engine.model import AnswerKind, DecisionState, Risk
from tui.actions import Action
from tui.actions.press import AWAKE_AFTER, CROWD, Press, refusal
from tui.bridge import Said
from tui.formats import Value, one_line, plural, short
from tui.messages import Overview
from tui.screens.ask import Reason, TypedId
from tui.screens.base import Working
from tui.screens.filling import Filling
from tui.screens.reader import DiffReader
from tui.themes import Line, Tone
from tui.widgets.asked import UNPICKED
from tui.widgets.circumstances import HELD
from tui.widgets.evidence import differences

LETS_THROUGH = (AnswerKind.APPROVE, AnswerKind.CHOOSE, AnswerKind.FILL)
REASONED = (AnswerKind.REJECT, AnswerKind.CHANGES)


class Shown(NamedTuple):
    """A card as it was painted, and the monotonic second at which that was."""

    card: DecisionCard
    at: float


class Deciding(Working):
    """A screen with deciding keys, for the one decision that is painted in full."""

    shown: Shown | None = None
    wanted: str | None = None
    news: tuple[str, ...] = ()  # what changed since it was painted before
    pick = UNPICKED  # the option that is marked
    draft: Mapping[str, Value] = MappingProxyType({})  # what was filled in and did not arrive

    def lay_out(self, card: DecisionCard | None) -> None:
        """Paint a card, or that there is none."""
        raise NotImplementedError

    def present(self, ref: str | None) -> None:
        """Read a decision, paint it, and wake its keys a moment later."""
        if ref != self.wanted:
            self.shown, self.news, self.pick, self.draft = None, (), UNPICKED, {}
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
            changes = tuple(differences(self.shown.card, card))
            self.news = changes or self.news
            self.pick = UNPICKED if changes else self.pick  # it was marked on something else
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
        """It comes to the screen again: its keys sleep again. What was read while something lay over it was not seen,
        and the screen that lay there may have taken the word that it is painted with it: it is read anew."""
        if self.shown is not None:
            self.shown = self.shown._replace(at=time.monotonic())
        elif self.wanted is not None:
            self.present(self.wanted)

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
            kind = meant(shown.card.decision, kind)
            problem = problem or self.impossible(shown.card, kind) or self._unchosen(shown.card, kind)
        if shown is None or press is None or problem:
            self.say(problem)
        else:
            said = Said(kind, option=self.pick.option if kind is AnswerKind.CHOOSE else None)
            self.set_timer(CROWD, lambda: self._if_alone(shown, said, press))

    def _unchosen(self, card: DecisionCard, kind: AnswerKind) -> str:
        if kind is not AnswerKind.CHOOSE or self.pick.option in card.decision.choices:
            return ""
        return "no option is chosen: press its number first, nothing sent"

    def offers(self, action: str) -> bool:
        """Only answers the engine offers are hinted at; the others say why when they are pressed."""
        if self.shown is None:
            return action not in ("approve", "reject", "changes", "choose", "snooze", "delegate", "rule", "abort")
        decision = self.shown.card.decision
        match action:
            case "approve" | "reject" | "changes":
                return not self.impossible(self.shown.card, meant(decision, AnswerKind(action)))
            case "choose":
                return AnswerKind.CHOOSE in decision.options
            case "snooze" | "delegate" | "abort":
                return decision.state is DecisionState.PENDING
        return True

    def label(self, action: Action) -> str:
        """What `a` does on this decision."""
        if action.method == "approve" and self.shown is not None:
            kind = meant(self.shown.card.decision, AnswerKind.APPROVE)
            return {AnswerKind.CHOOSE: "send choice", AnswerKind.FILL: "fill in"}.get(kind, action.label)
        return super().label(action)

    def impossible(self, card: DecisionCard, kind: AnswerKind) -> str:
        """Why this answer cannot be given at present; empty when it can."""
        decision = card.decision
        if self.deck.ballot.sent(decision.id) is not None:
            return "an answer is on its way"
        if decision.state is not DecisionState.PENDING:
            return f"it is {decision.state}"
        if kind not in decision.options:
            return f"it cannot be answered with {kind}"
        if kind in LETS_THROUGH and decision.kind in HELD and card.open_questions:
            return f"{plural(len(card.open_questions), 'open question')} of its goal first"
        return ""

    def _if_alone(self, shown: Shown, said: Said, press: Press) -> None:
        if not press.stood_alone:
            self.say("several keys at once: nothing decided")
        elif not self.is_current or self.shown != shown:
            self.say("it changed at that moment: nothing decided")
        else:
            self.work(self._answer, shown, said)

    async def _answer(self, shown: Shown, said: Said) -> None:
        """Ask for what the answer needs, then send it; esc leaves everything as it was."""
        decision = shown.card.decision
        title = title_of(decision, said.kind)
        if said.kind is AnswerKind.FILL:
            await self._fill(shown)
        elif said.kind in REASONED:
            reason = await self.app.push_screen_wait(Reason(self.deck, title, str(said.kind)))
            if reason is not None:
                await self.send(shown, said._replace(feedback=str(reason)))
        elif await self._sure(shown, said.kind):
            await self.send(shown, said)

    async def _sure(self, shown: Shown, kind: AnswerKind) -> bool:
        """Of high risk: the short id is typed before anything goes through."""
        decision = shown.card.decision
        if decision.risk is not Risk.HIGH:
            return True
        typed = TypedId(self.deck, title_of(decision, kind), short(decision.id), str(kind))
        return await self.app.push_screen_wait(typed) is not None

    async def _fill(self, shown: Shown) -> None:
        """The form, again with what the engine objects to, until it is sent or left."""
        decision, objection = shown.card.decision, ""
        title = title_of(decision, AnswerKind.FILL)
        while True:
            form = Filling(self.deck, title, decision.question, decision.fields, self.draft, objection)
            filled = await self.app.push_screen_wait(form)
            if filled is None or not await self._sure(shown, AnswerKind.FILL):
                self.draft = {}
                return
            self.draft = filled
            refused = await self.send(shown, Said(AnswerKind.FILL, fields=filled), quietly=True)
            if not isinstance(refused, Invalid):
                return
            objection = refused.message

    async def send(
        self, shown: Shown, said: Said, *, undoable: bool = True, quietly: bool = False
    ) -> PilothouseError | None:
        """Send it as it was painted; returns what was wrong. `quietly` leaves it to the caller to tell an Invalid."""
        decision, seconds = shown.card.decision, time.monotonic() - shown.at
        refused: PilothouseError | None = None
        try:
            after = await self.deck.ballot.send(decision, said, by=self.deck.operator, shown=seconds, undoable=undoable)
        except PilothouseError as error:
            refused = error
            if not (quietly and isinstance(error, Invalid)):
                self.tell(error)
            if isinstance(error, Conflict):
                self.present(decision.id)
        else:
            self.draft = {}
            if after.state is DecisionState.PENDING and after.approved_by:
                self.say("approved once: a second name is needed")
            self.answered(decision, said.kind)
        self.deck.feed.refresh()
        return refused

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


def meant(decision: DecisionView, kind: AnswerKind) -> AnswerKind:
    """What `approve` is where nothing is approved: the option chosen is sent, or the form filled in."""
    if kind is AnswerKind.APPROVE and kind not in decision.options:
        return next((other for other in LETS_THROUGH if other in decision.options), kind)
    return kind


def title_of(decision: DecisionView, kind: AnswerKind) -> Line:
    words = {
        AnswerKind.APPROVE: "Approve",
        AnswerKind.REJECT: "Reject, because",
        AnswerKind.CHANGES: "What to change",
        AnswerKind.CHOOSE: "Send the option",
        AnswerKind.FILL: "Fill in",
        AnswerKind.SNOOZE: "Put off",
    }
    return [(f"{words[kind]} · ", Tone.HEAD), (f"{short(decision.id)} v{decision.version}", Tone.ASK)]
