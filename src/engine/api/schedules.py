"""Schedules: what an operator says of them, and what there is to see."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime, Field

from engine.api.requests import Request
from engine.api.view import View
from engine.model import GoalState
from engine.model.schedules import Override, ScheduleName, ScheduleSource, ScheduleTerms, StartState


class ScheduleOrder(StrEnum):
    """`start` and `stop` last to the end of a window; `pause` until `resume`."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class AddSchedule(Request):
    name: ScheduleName
    terms: ScheduleTerms
    by: str = Field("operator", max_length=200)


class StartView(View):
    """One start: at `slot`, until the end of its window where it has one, and what came of it."""

    slot: AwareDatetime
    until: AwareDatetime | None = None
    state: StartState
    goal: str | None = None
    goal_state: GoalState | None = None
    cause: str | None = None


class ScheduleView(View):
    """`terms` None: they cannot be read, `problem` says why. `next_start` None: it is paused, or nothing comes.
    `window_until`: the end of the window that is open."""

    name: str
    source: ScheduleSource
    terms: ScheduleTerms | None = None
    problem: str = ""
    paused: bool = False
    override: Override | None = None
    override_until: AwareDatetime | None = None
    window_until: AwareDatetime | None = None
    next_start: AwareDatetime | None = None
    last: StartView | None = None
    by: str = ""
    created_at: AwareDatetime


class Schedules(Protocol):
    """The part of Engine that starts goals by time."""

    async def schedules(self) -> Sequence[ScheduleView]:
        """By name."""
        ...

    async def add_schedule(self, request: AddSchedule) -> ScheduleView:
        """Conflict when there is one of this name; Invalid or InvalidGoalFile when what it starts cannot be read."""
        ...

    async def remove_schedule(self, name: str, by: str = "operator") -> ScheduleView:
        """As it was; Conflict for one that stands in the settings."""
        ...

    async def order_schedule(self, name: str, order: ScheduleOrder, by: str = "operator") -> ScheduleView:
        """Conflict where the order would change nothing."""
        ...
