"""Tasks, their runs with logs and changes, and the sandboxes they live in."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from engine.api import Diff, GoalView, LogPage, LogQuery, RunView, SandboxView, TaskView, Why
from engine.server.bodies import Cancel
from engine.server.routes.parts import Closing, LastEventId, Ref, TheEngine
from engine.server.streams import EventStream, line_frames

router = APIRouter(tags=["work"])
Lines = Annotated[LogQuery, Query()]


@router.get("/tasks/{ref}")
async def task(engine: TheEngine, ref: Ref) -> TaskView:
    return await engine.task(ref)


@router.get("/tasks/{ref}/why")
async def why(engine: TheEngine, ref: Ref) -> Why:
    """The proof of what holds it, or of how and why it ended."""
    return await engine.why(ref)


@router.post("/tasks/{ref}/cancel")
async def cancel(engine: TheEngine, ref: Ref, body: Cancel | None = None) -> GoalView:
    """End one task for good; answers with its goal."""
    body = body or Cancel()
    return await engine.cancel((await engine.task(ref)).id, body.reason, body.by)


@router.get("/runs/{ref}")
async def run(engine: TheEngine, ref: Ref) -> RunView:
    return await engine.run(ref)


@router.get("/runs/{ref}/logs")
async def logs(engine: TheEngine, ref: Ref, query: Lines) -> LogPage:
    """One page of a run's lines, alive or gone; a task stands for its newest run."""
    return await engine.logs(ref, query)


@router.get("/runs/{ref}/logs/stream", response_class=EventStream, status_code=200)
async def log_stream(
    engine: TheEngine, closing: Closing, ref: Ref, query: Lines, last_event_id: LastEventId = None
) -> EventStream:
    """Server-sent events `line`, then `end` when the run has ended; `Last-Event-ID` resumes behind that line."""
    await engine.logs(ref, LogQuery(tail=0, limit=1))  # an unknown ref is a 404, not a broken stream
    if last_event_id is not None:
        query = query.model_copy(update={"after": last_event_id, "tail": None})
    return EventStream(line_frames(engine.follow(ref, query)), closing)


@router.get("/runs/{ref}/diff")
async def diff(engine: TheEngine, ref: Ref) -> Diff:
    """The change of a run, of a task's newest run, or of a whole goal."""
    return await engine.diff(ref)


@router.get("/sandboxes")
async def sandboxes(engine: TheEngine) -> Sequence[SandboxView]:
    return await engine.sandboxes()
