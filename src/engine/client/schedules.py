"""Schedules over the control API (the `Schedules` part of Engine)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from engine.api.schedules import AddSchedule, ScheduleOrder, ScheduleView
from engine.client.reading import read, read_all, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire

SCHEDULES: TypeAdapter[tuple[ScheduleView, ...]] = TypeAdapter(tuple[ScheduleView, ...])


class RemoteSchedules:
    """Each is one request."""

    _wire: "Wire"

    async def schedules(self) -> Sequence[ScheduleView]:
        return read_all(SCHEDULES, await self._wire.get("/v1/schedules"))

    async def add_schedule(self, request: AddSchedule) -> ScheduleView:
        return read(ScheduleView, await self._wire.post("/v1/schedules", request))

    async def remove_schedule(self, name: str, by: str = "operator") -> ScheduleView:
        return read(ScheduleView, await self._wire.post(f"/v1/schedules/{segment(name)}/remove", {"by": by}))

    async def order_schedule(self, name: str, order: ScheduleOrder, by: str = "operator") -> ScheduleView:
        return read(ScheduleView, await self._wire.post(f"/v1/schedules/{segment(name)}/{order}", {"by": by}))
