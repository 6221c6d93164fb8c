"""The schedules part of the stub at the protocol's edge: canned answers, every call noted."""

from collections.abc import Sequence

import engine_samples as samples

from engine.api.schedules import AddSchedule, ScheduleOrder, ScheduleView, StartView
from engine.model import GoalState
from engine.model.schedules import Override, ScheduleSource, ScheduleTerms, StartState

TERMS = ScheduleTerms(
    goal="goals/a b.yaml", vars={"who": samples.HARD}, windows=("mon-fri 22:00-06:00",), zone="Europe/Berlin",
    every=5400.0, external_ref=samples.HARD,
)  # fmt: skip
START = StartView(
    slot=samples.NOON, until=samples.NOON, state=StartState.STARTED, goal="g-1", goal_state=GoalState.ACTIVE,
    cause=samples.HARD,
)  # fmt: skip
SCHEDULE = ScheduleView(
    name="nightly", source=ScheduleSource.ADDED, terms=TERMS, override=Override.STOP, override_until=samples.NOON,
    window_until=samples.NOON, next_start=samples.NOON, last=START, by=samples.HARD, created_at=samples.NOON,
)  # fmt: skip


class StubSchedules:
    def _called(self, *call: object) -> None:
        raise NotImplementedError

    async def schedules(self) -> Sequence[ScheduleView]:
        self._called("schedules")
        return (SCHEDULE,)

    async def add_schedule(self, request: AddSchedule) -> ScheduleView:
        self._called("add_schedule", request)
        return SCHEDULE

    async def remove_schedule(self, name: str, by: str = "operator") -> ScheduleView:
        self._called("remove_schedule", name, by)
        return SCHEDULE

    async def order_schedule(self, name: str, order: ScheduleOrder, by: str = "operator") -> ScheduleView:
        self._called("order_schedule", name, order, by)
        return SCHEDULE
