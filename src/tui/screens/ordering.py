"""Orders by key, from start and pause to interrupt and kill. What cannot be taken back asks first (R124)."""

from collections.abc import Sequence

from engine.api import GoalOrder, SandboxOrder, SandboxView
from engine.model import GoalState, RunState
from tui.formats import one_line, short
from tui.screens.ask import Confirm
from tui.screens.base import Panel
from tui.screens.subject import Subject
from tui.themes import Line, Tone

ORDERS = ("pause", "freeze", "interrupt", "kill", "retry", "skip")
HELD = (GoalState.PAUSED, GoalState.DRAINING)


class Ordering(Panel):
    """Each order goes to the id that was under the cursor when its key came."""

    def subject(self) -> Subject | None:
        raise NotImplementedError

    def may_order(self, action: str, subject: Subject) -> bool:
        """Whether the row takes this order as it is painted; the engine has the last word."""
        running = subject.box is not None and subject.box.state is RunState.RUNNING
        match action:
            case "pause":
                return running or subject.goal in (GoalState.ACTIVE, GoalState.DRAFT, *HELD)
            case "freeze":
                return running
            case "interrupt":
                return running and subject.box is not None and not subject.box.frozen
            case "kill":
                return subject.box is not None
            case "retry":
                return subject.may_retry
            case _:
                return subject.may_skip

    def action_pause(self) -> None:
        """Of a goal: pause or resume, or start a draft; of a task: freeze or thaw its sandbox."""
        subject = self.subject()
        if subject is not None and subject.box is not None:
            self.work(self._freeze, subject.box)
        elif subject is not None and subject.goal is GoalState.DRAFT:
            self.work(self._start, subject.ref)
        elif subject is not None and subject.goal is not None:
            self.work(self._pause, subject.ref, GoalOrder.RESUME if subject.goal in HELD else GoalOrder.PAUSE)

    async def _start(self, goal: str) -> None:
        view = await self.deck.engine.start_goal(goal)
        self.say(f"{view.title} is {view.state}")
        self.deck.feed.refresh()

    async def _pause(self, goal: str, order: GoalOrder) -> None:
        view = await self.deck.engine.order_goal(goal, order, by=self.deck.operator)
        self.say(f"{view.title} is {view.state}")
        self.deck.feed.refresh()

    def action_freeze(self) -> None:
        subject = self.subject()
        if subject is not None and subject.box is not None:
            self.work(self._freeze, subject.box)

    async def _freeze(self, box: SandboxView) -> None:
        order = SandboxOrder.THAW if box.frozen else SandboxOrder.FREEZE
        outcome = await self.deck.engine.order_sandbox(box.name, order, by=self.deck.operator)
        self.say(f"the sandbox of {box.task_key} is {outcome.state}")
        self.deck.feed.refresh()

    def action_retry(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._retry, subject)

    async def _retry(self, subject: Subject) -> None:
        await self.deck.engine.retry(subject.ref, by=self.deck.operator)
        self.say(f"{subject.label} runs again")
        self.deck.feed.refresh()

    def action_skip(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._skip, subject)

    async def _skip(self, subject: Subject) -> None:
        words = (
            "It is skipped for good: what needs it goes on as if it were done, what it asks is not decided any more."
        )
        if await self._asked(subject, "Skip this task?", words, "Keep it", "Skip it"):
            await self.deck.engine.skip(subject.ref, by=self.deck.operator)
            self.deck.feed.refresh()

    def action_interrupt(self) -> None:
        subject = self.subject()
        if subject is not None and subject.box is not None:
            self.work(self._interrupt, subject, subject.box)

    async def _interrupt(self, subject: Subject, box: SandboxView) -> None:
        words = (
            "Its main process gets an interrupt, and may go on. When it ends by it, that is no failure; the task then "
            "asks whether it runs again."
        )
        if await self._asked(subject, "Interrupt this turn?", words, "Let it work", "Interrupt it"):
            await self.deck.engine.interrupt(box.run, by=self.deck.operator)
            self.say(f"{box.task_key} is interrupted")
            self.deck.feed.refresh()

    def action_kill(self) -> None:
        subject = self.subject()
        if subject is not None and subject.box is not None:
            self.work(self._kill, subject, subject.box)

    async def _kill(self, subject: Subject, box: SandboxView) -> None:
        words = (
            "Its processes end at once, whatever they do. It is no failure; the task then asks whether it runs again."
        )
        if await self._asked(subject, "Kill this run?", words, "Keep it", "Kill it"):
            await self.deck.engine.order_sandbox(box.name, SandboxOrder.KILL, by=self.deck.operator)
            self.deck.feed.refresh()

    async def _asked(self, subject: Subject, title: str, words: str, keep: str, do: str) -> bool:
        """Ask first; the safe answer has the focus."""
        text: Sequence[Line] = [
            [(one_line(subject.label), Tone.STRONG), (f"  {short(subject.ref)}", Tone.DIM)],
            [(words, Tone.PLAIN)],
        ]
        choices = [("back", keep), ("do", do)]
        return bool(await self.app.push_screen_wait(Confirm(title, text, choices)) == "do")
