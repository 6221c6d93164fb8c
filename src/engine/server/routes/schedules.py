"""Schedules: goals that start by themselves."""

from collections.abc import Sequence

from fastapi import APIRouter

from engine.api.schedules import AddSchedule, ScheduleOrder, ScheduleView
from engine.server.bodies import Ordered
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["schedules"])


@router.get("/schedules")
async def schedules(engine: TheEngine) -> Sequence[ScheduleView]:
    """Every schedule with its next start and what came of the last one."""
    return await engine.schedules()


@router.post("/schedules", status_code=201)
async def add(engine: TheEngine, body: AddSchedule) -> ScheduleView:
    """A schedule beside those of the settings; its goal file or template is read once, to see that it can be."""
    return await engine.add_schedule(body)


@router.post("/schedules/{ref}/remove")
async def remove(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> ScheduleView:
    """Goals that it started are left as they are."""
    return await engine.remove_schedule(ref, (body or Ordered()).by)


@router.post("/schedules/{ref}/start")
async def start(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> ScheduleView:
    """At once, to the end of its window."""
    return await engine.order_schedule(ref, ScheduleOrder.START, (body or Ordered()).by)


@router.post("/schedules/{ref}/stop")
async def stop(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> ScheduleView:
    """Hold what it started, to the end of its window."""
    return await engine.order_schedule(ref, ScheduleOrder.STOP, (body or Ordered()).by)


@router.post("/schedules/{ref}/pause")
async def pause(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> ScheduleView:
    """Start nothing until it is resumed; starts that pass meanwhile are not made up for."""
    return await engine.order_schedule(ref, ScheduleOrder.PAUSE, (body or Ordered()).by)


@router.post("/schedules/{ref}/resume")
async def resume(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> ScheduleView:
    return await engine.order_schedule(ref, ScheduleOrder.RESUME, (body or Ordered()).by)
