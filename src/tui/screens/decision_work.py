"""What one does with a decision beside answering it: put it off, pass it on, note, abort. Each on what was painted."""

from collections.abc import Awaitable, Callable

from engine.api import DecisionView, Snooze
from engine.errors import Conflict, PilothouseError
from engine.model import FINAL_TASK_STATES, AnswerKind, DecisionState
from tui.bridge import Said
from tui.formats import one_line, plural, short
from tui.screens.ask import Confirm, Reason, Words
from tui.screens.deciding import Deciding, Shown
from tui.themes import Line, Tone

QUARTER, HOUR = 15 * 60.0, 3600.0  # seconds
BLOCKED = 20  # tasks that a preview names
Order = Callable[[], Awaitable[object]]


class DecisionWork(Deciding):
    """Keys of a decision that answer nothing, and the one that ends its task as well."""

    def painted(self) -> Shown | None:
        """The decision as it stands on the screen, when something can still be done with it; says why not."""
        shown = self.shown
        if shown is None:
            self.say("it is still being read")
        elif shown.card.decision.state is not DecisionState.PENDING:
            self.say(f"it is {shown.card.decision.state}")
        elif self.deck.ballot.sent(shown.card.decision.id) is not None:
            self.say("an answer is on its way")
        else:
            return shown
        return None

    def action_snooze(self) -> None:
        shown = self.painted()
        if shown is not None:
            self.work(self._snooze, shown.card.decision)

    async def _snooze(self, decision: DecisionView) -> None:
        text: list[Line] = [
            [(one_line(decision.question, visible=True)[:500], Tone.STRONG)],
            [("It stays pending, is shown last, and is never hidden beyond its deadline.", Tone.DIM)],
        ]
        choices = [("back", "Keep it"), ("quarter", "15 minutes"), ("hour", "1 hour"), ("news", "Until news")]
        choice = await self.app.push_screen_wait(Confirm(f"Put {short(decision.id)} off?", text, choices))
        if choice is None:
            return
        seconds = {"quarter": QUARTER, "hour": HOUR}.get(str(choice))
        wanted = Snooze(
            version=decision.version, seconds=seconds, news=seconds is None, by=self.deck.operator, via="key"
        )
        await self._change(decision, lambda: self.deck.engine.snooze(decision.id, wanted), "is put off")

    def action_delegate(self) -> None:
        shown = self.painted()
        if shown is not None:
            self.work(self._delegate, shown.card.decision)

    async def _delegate(self, decision: DecisionView) -> None:
        title: Line = [("Who should answer · ", Tone.HEAD), (short(decision.id), Tone.ASK)]
        known = one_line(decision.delegate or "")
        form = Words(self.deck, title, "say so; anybody still may answer", value=known, empty="empty: nobody special")
        who = await self.app.push_screen_wait(form)
        if who is None:
            return
        by = self.deck.operator
        told = f"is for {who}" if who else "is for nobody special"
        await self._change(decision, lambda: self.deck.engine.delegate(decision.id, str(who), by), told)

    def action_note(self) -> None:
        if self.shown is None:
            self.say("it is still being read")
        else:
            self.work(self._note, self.shown.card.decision)

    async def _note(self, decision: DecisionView) -> None:
        title: Line = [("Note · ", Tone.HEAD), (short(decision.id), Tone.ASK)]
        text = await self.app.push_screen_wait(Words(self.deck, title, "leave it there"))
        if text is not None:
            by = self.deck.operator
            await self._change(decision, lambda: self.deck.engine.note(decision.id, str(text), by), "has a note")

    async def _change(self, decision: DecisionView, order: Order, told: str) -> None:
        """Do it and say so; a conflict shows what is there instead."""
        try:
            await order()
        except Conflict as conflict:
            self.tell(conflict)
        else:
            self.say(f"{short(decision.id)} {told}")
        if decision.id == self.wanted:
            self.present(decision.id)
        self.deck.feed.refresh()

    def action_abort(self) -> None:
        shown = self.painted()
        if shown is not None:
            self.work(self._abort, shown)

    async def _abort(self, shown: Shown) -> None:
        """Previewed first, then the reason; at once, without an undo window: a task that ended does not come back."""
        decision = shown.card.decision
        choices = [("back", "Keep it"), ("abort", "Abort it…")]
        sheet = Confirm("Abort: reject it and cancel its task?", self._preview(shown), choices)
        if await self.app.push_screen_wait(sheet) != "abort":
            return
        title: Line = [("Abort, because · ", Tone.HEAD), (f"{short(decision.id)} v{decision.version}", Tone.ASK)]
        reason = await self.app.push_screen_wait(Reason(self.deck, title, "abort"))
        if reason is None:
            return
        if AnswerKind.REJECT in decision.options:
            said = Said(AnswerKind.REJECT, str(reason))
            if await self.send(shown, said, undoable=False) is not None:
                return
        elif not await self._unmoved(decision):
            return
        await self._cancel(decision, str(reason))

    async def _unmoved(self, decision: DecisionView) -> bool:
        """Whether it is still what was painted; shows what it is otherwise."""
        fresh = (await self.deck.engine.decision(decision.id)).decision
        same = (fresh.version, fresh.state) == (decision.version, decision.state)
        if not same:
            self.say("it changed meanwhile: nothing is aborted")
            self.present(decision.id)
        return same

    async def _cancel(self, decision: DecisionView, reason: str) -> None:
        """The task, unless the rejection has ended it."""
        try:
            if (await self.deck.engine.task(decision.task)).state not in FINAL_TASK_STATES:
                await self.deck.engine.cancel(decision.task, reason, self.deck.operator)
        except PilothouseError as error:
            self.tell(error)
        else:
            self.say(f"{one_line(decision.task_key)} is aborted")
        self.deck.feed.refresh()

    def _preview(self, shown: Shown) -> list[Line]:
        card, decision = shown.card, shown.card.decision
        named = ", ".join(one_line(key, visible=True)[:60] for key in card.blocks[:BLOCKED])
        more = f", {plural(len(card.blocks) - BLOCKED, 'more task')}" if len(card.blocks) > BLOCKED else ""
        rejects = AnswerKind.REJECT in decision.options
        first = "is rejected" if rejects else "is not decided any more"
        return [
            [(one_line(decision.question, visible=True)[:500], Tone.STRONG)],
            [(f"{short(decision.id)} v{decision.version} {first}, at once: no undo.", Tone.PLAIN)],
            [("Its task ends for good: ", Tone.PLAIN), (one_line(decision.task_key, visible=True), Tone.WARN)],
            [("What needs it will not run: ", Tone.PLAIN), (f"{named}{more}" or "nothing", Tone.WARN)],
            [("The reason is asked next.", Tone.DIM)],
        ]
