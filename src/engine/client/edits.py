"""Changes to what is under way, over the control API (the `Edits` half of Engine)."""

from typing import TYPE_CHECKING

from engine.api import EngineInfo, TaskView
from engine.api.edits import AddedTasks, AddTasks, ChangeSettings, TaskEdit
from engine.client.reading import read, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire


class RemoteEdits:
    _wire: "Wire"

    async def edit_task(self, ref: str, edit: TaskEdit) -> TaskView:
        body = edit.model_dump(mode="json", exclude_none=True)
        return read(TaskView, await self._wire.patch(f"/v1/tasks/{segment(ref)}", body))

    async def add_tasks(self, goal: str, order: AddTasks) -> AddedTasks:
        return read(AddedTasks, await self._wire.post(f"/v1/goals/{segment(goal)}/tasks", order))

    async def change_settings(self, order: ChangeSettings) -> EngineInfo:
        return read(EngineInfo, await self._wire.post("/v1/engine/settings", order))
