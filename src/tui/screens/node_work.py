"""What one does with a goal or a task, the same wherever it is shown: why, logs, diff, answer, cancel."""

from tui.formats import one_line, short
from tui.messages import ShowCard, ShowLogs, ShowShell
from tui.screens.ask import Confirm, Words
from tui.screens.editing import EDITS, Editing
from tui.screens.ordering import ORDERS
from tui.screens.reader import DiffReader, Reader
from tui.screens.subject import Subject
from tui.themes import Line, Tone
from tui.widgets.overviews import why_lines


class NodeWork(Editing):
    """Keys of the panels that show goals and tasks; subclasses say what is under the cursor."""

    _stamp: object = None  # what the task beside was read at; None: it is read again

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys need something they can act on."""
        if action not in ("why", "logs", "diff", "shell", "answer", "cancel", "note", *ORDERS, *EDITS):
            return True
        subject = self.subject() if self.is_laid_out else None
        if subject is None:
            return False
        if action in ORDERS:
            return self.may_order(action, subject)
        if action in EDITS:
            return self.may_edit(action, subject)
        match action:
            case "answer":
                return subject.decision is not None
            case "note":
                return subject.what == "task"
            case "cancel":
                return subject.alive
            case "logs":
                return subject.runs > 0
            case "shell":
                return any(box.task == subject.ref for box in self.deck.feed.overview.sandboxes)
        return True

    def action_why(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._why, subject)

    async def _why(self, subject: Subject) -> None:
        why = await self.deck.engine.why(subject.ref)
        title: Line = [(" why ", Tone.DIM), (one_line(subject.label), Tone.HEAD), (f"  {short(subject.ref)}", Tone.DIM)]
        self.app.push_screen(Reader(self.deck, title, lambda width: why_lines(why, width)))

    def action_logs(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.post_message(ShowLogs(subject.ref, one_line(subject.label)))

    def action_shell(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.post_message(ShowShell(subject.ref))

    def action_diff(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._diff, subject)

    async def _diff(self, subject: Subject) -> None:
        diff = await self.deck.engine.diff(subject.ref)
        self.app.push_screen(DiffReader(self.deck, one_line(subject.label), diff))

    def action_note(self) -> None:
        subject = self.subject()
        if subject is not None and subject.what == "task":
            self.work(self._note, subject)

    async def _note(self, subject: Subject) -> None:
        title: Line = [("Note · ", Tone.HEAD), (one_line(subject.label), Tone.ASK)]
        text = await self.app.push_screen_wait(Words(self.deck, title, "leave it there"))
        if text is not None:
            await self.deck.engine.note(subject.ref, str(text), self.deck.operator)
            self._stamp = None  # a note moves no version
            self.say(f"{subject.label} has a note")
            self.deck.feed.refresh()

    def action_answer(self) -> None:
        """Opens the card; decides nothing."""
        subject = self.subject()
        if subject is not None and subject.decision is not None:
            self.post_message(ShowCard(subject.decision))

    def action_cancel(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._cancel, subject)

    async def _cancel(self, subject: Subject) -> None:
        """Ask first; the safe answer has the focus (R124)."""
        what = subject.what
        text: list[Line] = [
            [(one_line(subject.label), Tone.STRONG), (f"  {short(subject.ref)}", Tone.DIM)],
            [(f"The {what} ends for good: what runs is stopped, what waits is not decided any more.", Tone.PLAIN)],
            [("Logs and history stay.", Tone.DIM)],
        ]
        choices = [("back", "Keep it"), ("cancel", f"Cancel the {what}")]
        if await self.app.push_screen_wait(Confirm(f"Cancel this {what}?", text, choices)) == "cancel":
            await self.deck.engine.cancel(subject.ref, by=self.deck.operator)
            self.deck.feed.refresh()

    def copyable(self) -> str | None:
        subject = self.subject()
        return None if subject is None else subject.ref

    def command(self) -> str | None:
        subject = self.subject()
        return None if subject is None else f"pilothouse why {subject.ref}"
