"""Changes to a task by key: its words in `$EDITOR`, its priority and needs, new tasks under it. Each is sent with the
version that was read, so that nothing is changed which somebody else has changed meanwhile."""

from engine.api import TaskView
from engine.api.edits import AddTasks, TaskEdit
from engine.errors import InvalidGoalFile
from engine.model import TaskKind
from tui.formats import Sheet, one_line, read_sheet, written_sheet
from tui.screens.ask import Text, Words
from tui.screens.ordering import Ordering
from tui.screens.subject import Subject
from tui.themes import Line, Tone

EDITS = ("edit", "needs", "lower", "raise", "task")
FIRST = "- id: \n  run: \n"


class Editing(Ordering):
    """What is under the cursor is read first; the change goes to that id and version."""

    def may_edit(self, action: str, subject: Subject) -> bool:
        """Whether the row takes this change as it is painted; the engine has the last word."""
        match action:
            case "task":
                return subject.alive or subject.what == "task"
            case "needs":
                return subject.what == "task" and subject.may_need
            case _:
                return subject.what == "task" and subject.may_edit

    def action_edit(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._edit, subject.ref)

    async def _edit(self, ref: str) -> None:
        """In the editor where the terminal can be lent, else in a form; what cannot be read is told and kept."""
        task = await self.deck.engine.task(ref)
        sheet = Sheet(task.title, task.description, task.priority, tuple(key for key, _ in task.needs))
        text: str | None = written_sheet(task.key, sheet)
        objection = ""
        while text is not None:
            text = await self._written(task, text, objection)
            if text is None or not text.strip():
                return
            try:
                changed = read_sheet(text)
            except ValueError as error:
                objection = str(error)
            else:
                await self._send(task, changed, sheet)
                return

    async def _written(self, task: TaskView, text: str, objection: str) -> str | None:
        lent = await self.deck.editor(text) if self.deck.editor is not None and not objection else None
        if lent is not None:
            return lent
        title: Line = [("Edit ", Tone.HEAD), (one_line(task.key), Tone.STRONG)]
        written = await self.app.push_screen_wait(Text(self.deck, title, "change it", text, objection))
        return None if written is None else str(written)

    async def _send(self, task: TaskView, changed: Sheet, was: Sheet) -> None:
        new = {name: value for name, value in vars(changed).items() if value != getattr(was, name)}
        if not new:
            self.say("nothing has changed")
            return
        await self._change(TaskEdit(**new, version=task.version, by=self.deck.operator), task)

    async def _change(self, edit: TaskEdit, task: TaskView) -> None:
        changed = await self.deck.engine.edit_task(task.id, edit)
        needs = ", ".join(key for key, _ in changed.needs) or "nothing"
        self.say(f"{changed.key}: {changed.title}, priority {changed.priority}, needs {needs}")
        self.deck.feed.refresh()

    def action_needs(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._needs, subject.ref)

    async def _needs(self, ref: str) -> None:
        task = await self.deck.engine.task(ref)
        title: Line = [("What ", Tone.HEAD), (one_line(task.key), Tone.STRONG), (" needs, by key", Tone.HEAD)]
        now = " ".join(key for key, _ in task.needs)
        words = Words(self.deck, title, "needs these from here on", value=now, empty="nothing")
        typed = await self.app.push_screen_wait(words)
        if typed is not None:
            needs = tuple(str(typed).replace(",", " ").split())
            await self._change(TaskEdit(needs=needs, version=task.version, by=self.deck.operator), task)

    def action_lower(self) -> None:
        self._step(-1)

    def action_raise(self) -> None:
        self._step(1)

    def _step(self, step: int) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._prioritise, subject.ref, step, group="priority")

    async def _prioritise(self, ref: str, step: int) -> None:
        task = await self.deck.engine.task(ref)
        await self._change(TaskEdit(priority=task.priority + step, version=task.version, by=self.deck.operator), task)

    def action_task(self) -> None:
        subject = self.subject()
        if subject is not None:
            self.work(self._new_tasks, subject)

    async def _new_tasks(self, subject: Subject) -> None:
        """In a group at its end, right after a single task; what is wrong is told and what is written stays."""
        goal, place, where = await self._place_of(subject)
        title: Line = [("New tasks ", Tone.HEAD), (one_line(where), Tone.STRONG)]
        text, objection = FIRST, ""
        while True:
            written = await self.app.push_screen_wait(Text(self.deck, title, "add them", text, objection))
            if written is None:
                return
            text = str(written)
            order = AddTasks(source=text, path="line", by=self.deck.operator, **place)
            try:
                added = await self.deck.engine.add_tasks(goal, order)
            except InvalidGoalFile as invalid:
                objection = invalid.message.partition("\n")[0]
            else:
                self.say(f"{added.group} has {', '.join(row.key for row in added.tasks)}")
                self.deck.feed.refresh()
                return

    async def _place_of(self, subject: Subject) -> tuple[str, dict[str, str | None], str]:
        """The goal, where in it the new tasks go, and that in words."""
        if subject.what == "goal":
            return subject.ref, {}, f"of {subject.label}"
        task = await self.deck.engine.task(subject.ref)
        if task.kind is TaskKind.GROUP:
            return task.goal, {"parent": task.id}, f"in {task.key}"
        return task.goal, {"parent": task.group, "after": task.id}, f"after {task.key}"
