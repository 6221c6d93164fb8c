"""The engine itself: health, version, status, events, stop."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from engine.api import EngineInfo, Status, Sweep, SweepOrder
from engine.api.measuring import Health
from engine.events import Event
from engine.server.bodies import StopEngine
from engine.server.routes.parts import Closing, LastEventId, TheEngine
from engine.server.streams import EventStream, update_frames

router = APIRouter(tags=["engine"])


class Version(BaseModel):
    """`version` of the program, `api` of these routes."""

    version: str
    api: str
    engine: str


@router.get("/version")
async def version(engine: TheEngine) -> Version:
    info = await engine.info()
    return Version(version=info.version, api="v1", engine=info.id)


@router.get("/info")
async def info(engine: TheEngine) -> EngineInfo:
    return await engine.info()


@router.get("/status")
async def status(engine: TheEngine, goal: Annotated[str | None, Query()] = None) -> Status:
    """The engine and all goals, or one."""
    return await engine.status(goal)


@router.get("/events")
async def events(
    engine: TheEngine,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Sequence[Event]:
    """Events above `after`, oldest first."""
    return await engine.events(after, limit)


@router.get("/events/stream", response_class=EventStream, status_code=200)
async def event_stream(
    engine: TheEngine,
    closing: Closing,
    after: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Server-sent events `event`, `snapshot`, `lagged`; a snapshot comes first unless it resumes.

    `Last-Event-ID` counts before `after`: a reader that reconnects repeats its first address.
    """
    resume = after if last_event_id is None else last_event_id
    return EventStream(update_frames(engine.subscribe(resume)), closing)


@router.post("/engine/gc")
async def gc(engine: TheEngine, body: SweepOrder) -> Sweep:
    """Remove what runs left behind, or with `dry_run` only look; no branch and nothing of a live run ever goes."""
    return await engine.gc(body)


@router.post("/engine/stop", status_code=202)
async def stop(engine: TheEngine, body: StopEngine) -> Health:
    """`drain` lets running work end, `stop` ends it, `detach` leaves the engine as it is."""
    await engine.stop(body.mode)
    return Health(status=body.mode)
