"""The half of FrozenEngine that changes what is under way."""

from engine.api import TaskView
from engine.api.edits import AddedTask, AddedTasks, AddTasks, TaskEdit
from engine.errors import PilothouseError, StaleVersion


class FrozenEdits:
    """Changes land in the views of tasks; what is added is only told back. `objections` are raised first."""

    tasks: dict[str, TaskView]
    calls: list[tuple[str, object]]
    objections: list[PilothouseError]

    async def edit_task(self, ref: str, edit: TaskEdit) -> TaskView:
        self.calls.append(("edit_task", (ref, edit)))
        if self.objections:
            raise self.objections.pop(0)
        was = self.tasks[ref]
        if edit.version is not None and edit.version != was.version:
            raise StaleVersion(f"{was.key} has version {was.version}, not {edit.version}", hint="read it again")
        changes = edit.model_dump(exclude={"by", "version", "place", "needs"}, exclude_none=True)
        if edit.needs is not None:
            states = {task.key: task.state for task in self.tasks.values()}
            changes["needs"] = tuple((key, states[key]) for key in edit.needs)
        self.tasks[ref] = was.model_copy(update={**changes, "version": was.version + 1})
        return self.tasks[ref]

    async def add_tasks(self, goal: str, order: AddTasks) -> AddedTasks:
        self.calls.append(("add_tasks", (goal, order)))
        if self.objections:
            raise self.objections.pop(0)
        return AddedTasks(goal=goal, group=order.parent or "root", tasks=(AddedTask(id="t-new0000000", key="new"),))
