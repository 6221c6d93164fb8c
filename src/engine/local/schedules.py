"""Schedules in the store (the `Schedules` part of Engine), and what they start, read from where it stands."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from engine.api import CreateGoal
from engine.api.schedules import AddSchedule, ScheduleOrder, ScheduleView, StartView
from engine.dispatch.schedules.book import recurrence_of
from engine.dispatch.schedules.orders import add_schedule, order_schedule, remove_schedule
from engine.dispatch.schedules.starts import SCHEDULES
from engine.errors import Invalid, NotFound
from engine.goals import parse_goal, template
from engine.local.parts import Parts
from engine.model.schedules import ScheduleTerms
from engine.paths import ProjectPaths

LARGEST = 2_000_000  # bytes of a goal file


class LocalSchedules:
    """Each order is one transaction."""

    _parts: Parts

    async def schedules(self) -> Sequence[ScheduleView]:
        now = self._parts.context.clock.now()
        return await self._parts.context.database.read(lambda connection: schedule_views(connection, now))

    async def add_schedule(self, request: AddSchedule) -> ScheduleView:
        context, terms = self._parts.context, request.terms
        goal = await asyncio.to_thread(goal_of, context.paths, terms)
        await asyncio.to_thread(
            parse_goal, goal.source, goal.path, goal.variables, limits=context.settings.sandbox.defaults,
            agents=context.settings.agents, folder=goal.folder,
        )  # fmt: skip
        await context.database.write(lambda tx: add_schedule(tx, request.name, terms, request.by))
        return await self._schedule(request.name)

    async def remove_schedule(self, name: str, by: str = "operator") -> ScheduleView:
        view = await self._schedule(name)
        await self._parts.context.database.write(lambda tx: remove_schedule(tx, name, by))
        return view

    async def order_schedule(self, name: str, order: ScheduleOrder, by: str = "operator") -> ScheduleView:
        await self._parts.context.database.write(lambda tx: order_schedule(tx, name, order, by))
        return await self._schedule(name)

    async def _schedule(self, name: str) -> ScheduleView:
        found = [view for view in await self.schedules() if view.name == name]
        if not found:
            raise NotFound(f"no schedule {name[:100]!r}", hint="pilothouse schedule list")
        return found[0]


def schedule_views(connection: sqlite3.Connection, now: datetime) -> list[ScheduleView]:
    return [_view(connection, dict(row), now) for row in connection.execute(SCHEDULES["all"]).fetchall()]


def _view(connection: sqlite3.Connection, row: dict[str, Any], now: datetime) -> ScheduleView:
    last = connection.execute(SCHEDULES["last"], {"schedule": row["name"]}).fetchone()
    values: dict[str, Any] = {**row, "last": None if last is None else StartView.model_validate(dict(last))}
    try:
        values["terms"] = ScheduleTerms.model_validate_json(row["terms"])
        times = recurrence_of(row)
        span = times.open_at(now)
        coming = times.next(max(now, datetime.fromisoformat(row["seen_at"])))
        values |= {
            "window_until": None if span is None else span.until,
            "next_start": None if coming is None or row["paused"] else coming.start,
        }
    except ValidationError as error:
        first = error.errors()[0]
        values |= {"terms": None, "problem": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}
    return ScheduleView.model_validate(values)


def goal_of(paths: ProjectPaths, terms: ScheduleTerms) -> CreateGoal:
    """What a schedule starts; blocks while it reads. Raises Invalid or NotFound when it cannot be read."""
    settled = {"runtime": terms.runtime, "max_parallel": terms.max_parallel, "start": False,
               "allow_unconfined": terms.allow_unconfined, "variables": terms.vars}  # fmt: skip
    if terms.template is not None:
        found = template(paths.templates, terms.template)
        values = {"source": found.source, "path": str(found.path), "folder": str(paths.root)}
    else:
        assert terms.goal is not None
        source, path = _goal_file(paths, terms.goal)
        values = {"source": source, "path": path}
    return CreateGoal.model_validate({**values, **settled})


def _goal_file(paths: ProjectPaths, name: str) -> tuple[str, str]:
    """Text and path of a goal file inside the project, links resolved (R45)."""
    try:
        path = (paths.root / name).resolve()
        if not path.is_relative_to(paths.root.resolve()):
            raise Invalid(f"{name!r} is outside the project", hint="name a goal file below the project's folder")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Invalid(
            f"cannot read the goal file {name!r}: {reason}", hint="it starts at the project's folder"
        ) from error
    if len(data) > LARGEST:
        raise Invalid(f"{path} is larger than {LARGEST:,} bytes", hint="is this a goal file?")
    try:
        return data.decode("utf-8-sig"), str(path)
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
