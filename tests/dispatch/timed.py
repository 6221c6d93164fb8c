"""Words for tests of schedules: a clock that stands still until it is set, and engines that follow it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripted import Bench, ScriptedDriver, goal_file

from engine.api import ScheduleView
from engine.api.schedules import AddSchedule
from engine.clock import SystemClock
from engine.events import Event
from engine.local.engine import LocalEngine
from engine.model.schedules import ScheduleTerms
from engine.store import named_queries

SCHEDULES = named_queries("schedules")
PATIENT = {"sandbox": {"timeout": "365d", "idle_timeout": "365d"}}  # the clock jumps


@dataclass
class FrozenClock(SystemClock):
    at: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday

    def now(self) -> datetime:
        return self.at


@dataclass
class Leap(SystemClock):
    """The machine's clock, wall and monotonic, put forward by so many seconds."""

    ahead: float = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Timed(Bench):
    """One engine under a frozen clock."""

    def __init__(self, engine: LocalEngine, driver: ScriptedDriver, clock: FrozenClock) -> None:
        super().__init__(engine, driver)
        self.clock = clock

    async def go_to(self, text: str) -> None:
        """Set the clock, and return when everything that came with it is dealt with."""
        self.clock.at = datetime.fromisoformat(text).astimezone(UTC)
        self.engine._parts.scheduler.look_again()
        await self.settled()

    async def settled(self) -> None:
        scheduler, database = self.engine._parts.scheduler, self.engine._parts.context.database
        async with asyncio.timeout(20):
            while True:
                await scheduler.at_rest()
                book = scheduler._timetable.book
                known = not book.changed and (book.at is None or book.at > self.clock.at)
                if known and (scheduler.draining or not await database.all(SCHEDULES["due"])) and not book.changed:
                    return
                await asyncio.sleep(0.001)

    async def add(self, name: str = "nightly", run: str = "hang", **terms: object) -> ScheduleView:
        """A schedule of a goal with one task that runs this."""
        file = self.driver.root / f"{name}.yaml"
        await asyncio.to_thread(file.write_text, goal_file({"id": "work", "run": run}, defaults=PATIENT))
        values = ScheduleTerms.model_validate({"goal": file.name, **terms})
        return await self.engine.add_schedule(AddSchedule(name=name, terms=values, by="me"))

    async def schedule(self, name: str = "nightly") -> ScheduleView:
        return next(view for view in await self.engine.schedules() if view.name == name)

    async def last(self, name: str = "nightly") -> tuple[str, str | None]:
        """(what came of the last start, its goal's state)."""
        last = (await self.schedule(name)).last
        assert last is not None
        return str(last.state), last.goal_state

    async def goals(self) -> list[str]:
        """States of all goals, oldest first."""
        return [str(goal.state) for goal in sorted((await self.engine.status()).goals, key=lambda g: g.created_at)]

    async def all_ended(self) -> None:
        for goal in (await self.engine.status()).goals:
            await self.ended(goal.id)

    async def told(self, *, after: int = 0) -> list[Event]:
        return [event for event in await self.events() if event.type.startswith("schedule.") and event.seq > after]

    async def running(self) -> str:
        """The newest goal, once its task runs."""
        goals = sorted((await self.engine.status()).goals, key=lambda goal: (goal.created_at, goal.id))
        live = [goal for goal in goals if goal.ended_at is None]
        await self.until(live[-1].id, lambda _, states: states["work"] == "running")
        return live[-1].id


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
