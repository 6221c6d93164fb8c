"""Changes to what is under way, in the store and in this process (the `Edits` half of Engine)."""

import asyncio
import json
from functools import partial

from pydantic import ValidationError

from engine.api import EngineInfo, TaskView
from engine.api.edits import AddedTasks, AddTasks, ChangeSettings, TaskEdit
from engine.dispatch.tree.adding import add_tasks
from engine.dispatch.tree.editing import edit_task
from engine.errors import Invalid
from engine.events import EventType
from engine.goals.fragment import GoalFrame, read_fragment
from engine.local import views
from engine.local.admission import require_means
from engine.local.live_settings import SETTABLE, TAKES, Takes
from engine.local.parts import Parts
from engine.local.refs import resolve, task_of
from engine.model import DriverName
from engine.settings import EngineSettings, Settings
from engine.store import named_queries
from engine.store.rows import goal_from

GOALS, TASKS = named_queries("goals"), named_queries("tasks")


class LocalEdits:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def edit_task(self, ref: str, edit: TaskEdit) -> TaskView:
        database = self._parts.context.database
        task = await database.read(lambda c: task_of(c, ref))
        goal = await database.read(lambda c: c.execute(TASKS["brief"], {"id": task}).fetchone()["goal"])
        await self._parts.scheduler.replant(goal, lambda tx: edit_task(tx, task, edit))
        return await database.read(lambda c: views.task_view(c, task))

    async def add_tasks(self, goal: str, order: AddTasks) -> AddedTasks:
        context = self._parts.context
        found = await context.database.read(lambda c: resolve(c, goal, "g"))
        row = await context.database.one(GOALS["get"], {"id": found})
        assert row is not None
        session = goal_from(row).policy.session
        frame = GoalFrame(row["source"], row["path"], json.loads(row["variables"]), row["repo"] is not None, session)
        fragment = await asyncio.to_thread(
            read_fragment, order.source, order.path, frame, limits=context.settings.sandbox.defaults,
            agents=context.settings.agents,
        )  # fmt: skip
        driver, allowed = context.driver(DriverName(row["runtime"])), bool(row["allow_unconfined"])
        await driver.check()
        await require_means(driver, fragment.images, fragment.networks, gated=fragment.gated, allowed=allowed)
        unit = partial(add_tasks, goal=found, fragment=fragment, order=order, ids=context.ids)
        return await self._parts.scheduler.replant(found, unit)

    async def change_settings(self, order: ChangeSettings) -> EngineInfo:
        context = self._parts.context
        settings = _changed(context.settings, order)
        told = {name: str(value) for name, value in order.changes.items()}
        await context.database.write(lambda tx: tx.emit(EventType.ENGINE_SETTINGS, changes=told, by=order.by))
        context.settings = settings
        self._parts.overrides |= {name: getattr(settings.engine, name.partition(".")[2]) for name in order.changes}
        self._parts.scheduler.look_again()
        return self._parts.info()


def _changed(settings: Settings, order: ChangeSettings) -> Settings:
    for name in order.changes:
        if name not in SETTABLE:
            takes = TAKES.get(name)
            what = {None: "is no setting", Takes.RESTART: "needs a restart of the engine"}.get(takes)
            what = what or "is changed in pilothouse.toml, which is read again when it is saved"
            raise Invalid(f"{name} {what}", hint=f"live are {', '.join(sorted(SETTABLE))}")
    values = settings.engine.model_dump() | {name.partition(".")[2]: value for name, value in order.changes.items()}
    try:
        engine = EngineSettings.model_validate(values)
    except ValidationError as error:
        rows = [f"engine.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise Invalid("; ".join(rows), hint="see docs/settings.md") from error
    return settings.model_copy(update={"engine": engine})
