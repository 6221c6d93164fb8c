"""`A`: a rule that approves the like of a decision, tried on history before it may be made."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from engine.api import AddRule, DecisionView, Rehearsal, RuleDraft
from engine.api.asking import ONCE
from engine.errors import StaleVersion
from engine.model import AnswerKind, Risk
from tui.actions import Scope, bindings
from tui.bridge import Said
from tui.formats import short
from tui.screens.deciding import Deciding, Shown
from tui.screens.deck import Deck
from tui.screens.weighed import Weighed
from tui.themes import Line, Tone
from tui.widgets.rule_lines import RULED, Reach, draft_of, rehearsal_lines, unfit


class Trial(Weighed):
    """Dismissed with the id of the rule that was made, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.RULE)]
    SCOPES = (Scope.RULE, Scope.MOVE, Scope.DIALOG)

    def __init__(self, deck: Deck, decision: DecisionView) -> None:
        self._decision = decision
        self._reach = Reach.TASK
        self._tried: Rehearsal | None = None
        title: Line = [(" a rule on trial ", Tone.HEAD), (f"from {short(decision.id)} v{decision.version}", Tone.ASK)]
        super().__init__(deck, title, self._paint)

    def on_mount(self) -> None:
        self._try()

    def _paint(self, width: int) -> Sequence[Line]:
        return rehearsal_lines(self._tried, self._decision, self._reach, width, self.deck.now())

    def _try(self) -> None:
        self._tried = None
        self.repaint()
        self.work(self._rehearse, draft_of(self._decision, self._reach), group="rehearse", exclusive=True)

    async def _rehearse(self, draft: RuleDraft) -> None:
        self._tried = await self.deck.engine.rehearse(draft)
        self.repaint()

    def action_widen(self) -> None:
        """Another reach, tried again."""
        reaches = list(Reach)
        self._reach = reaches[(reaches.index(self._reach) + 1) % len(reaches)]
        self._try()

    def action_make(self) -> None:
        tried = self._tried
        if tried is None:
            self.say("it is still being tried: nothing made")
        else:
            self.weigh(lambda: self.work(self._make, tried))

    async def _make(self, tried: Rehearsal) -> None:
        """Exactly the draft that is painted, with the rehearsal that is painted."""
        request = AddRule(draft=tried.draft, rehearsed=tried.hash, by=self.deck.operator)
        try:
            rule = await self.deck.engine.add_rule(request)
        except StaleVersion as stale:
            self.tell(stale)
            self._try()
        else:
            self.dismiss(rule.id)


class Ruling(Deciding):
    """The key that makes a rule of an approval."""

    def unruled(self, decision: DecisionView) -> str:
        """Why no rule answers its like; empty when one may."""
        if decision.kind not in RULED:
            return f"a rule answers {', '.join(RULED)}, never {decision.kind.value}"
        return "a rule never answers what is of high risk" if decision.risk is Risk.HIGH else unfit(decision)

    def action_rule(self) -> None:
        shown = self.shown
        if shown is None:
            self.say("it is still being read")
            return
        by_choice = ONCE in shown.card.decision.choices
        kind = AnswerKind.CHOOSE if by_choice else AnswerKind.APPROVE
        problem = self.unruled(shown.card.decision) or self.impossible(shown.card, kind)
        if problem:
            self.say(problem)
        else:
            self.work(self._rule, shown, Said(kind, option=ONCE if by_choice else None))

    async def _rule(self, shown: Shown, said: Said) -> None:
        rule = await self.app.push_screen_wait(Trial(self.deck, shown.card.decision))
        if rule is not None:
            self.say(f"rule {short(str(rule))} is in force")
            await self.send(shown, said)
