"""Changes to what is under way: tasks, and the caps of the engine."""

from fastapi import APIRouter

from engine.api import EngineInfo, StopMode, TaskView
from engine.api.edits import AddedTasks, AddTasks, ChangeSettings, TaskEdit
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["edits"])


@router.patch("/tasks/{ref}")
async def edit_task(engine: TheEngine, ref: Ref, body: TaskEdit) -> TaskView:
    """Title, description, priority, needs or place; never a state. One that has ended is read-only."""
    return await engine.edit_task(ref, body)


@router.post("/goals/{ref}/tasks", status_code=201)
async def add_tasks(engine: TheEngine, ref: Ref, body: AddTasks) -> AddedTasks:
    """New tasks from a piece of a goal file, all of them or none."""
    return await engine.add_tasks(ref, body)


@router.post("/engine/settings")
async def settings(engine: TheEngine, body: ChangeSettings) -> EngineInfo:
    """Live caps, until the engine ends."""
    return await engine.change_settings(body)


@router.post("/engine/drain", status_code=202)
async def drain(engine: TheEngine) -> EngineInfo:
    """Start nothing more and end once what runs has ended: the same as stop with mode `drain`."""
    await engine.stop(StopMode.DRAIN)
    return await engine.info()
