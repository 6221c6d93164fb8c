"""Letting a goal in: parsed, its runtime settled, its images and repository there, before a row is written."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from engine.api import CreateGoal
from engine.dispatch.creation import NewGoal, insert_goal
from engine.dispatch.preparation import unconfined
from engine.errors import DaemonUnavailable
from engine.goals import parse_goal
from engine.ids import Kind
from engine.local.parts import Parts
from engine.model import DriverName, GoalSpec, Runtime, TaskSpec
from engine.sandbox.driver import Driver
from engine.workspace import GoalRepository


class Admission:
    """Checks a goal against this machine and stores it whole, or refuses it and stores nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: CreateGoal) -> str:
        """A draft goal's id. Raises InvalidGoalFile, ImageNotFound, DaemonUnavailable or Invalid."""
        context = self._parts.context
        limits = context.settings.sandbox.defaults
        spec = await asyncio.to_thread(parse_goal, request.source, request.path, request.variables, limits=limits)
        if request.max_parallel is not None:
            policy = spec.policy.model_copy(update={"max_parallel": request.max_parallel})
            spec = spec.model_copy(update={"policy": policy})
        wanted = request.runtime or spec.runtime or context.settings.sandbox.runtime
        runtime, driver = await self._settle_runtime(wanted)
        for image in sorted({task.sandbox.image for task in _tasks(spec.root) if task.run is not None}):
            await driver.require_image(image)
        self._require_confinement(spec, driver, request.allow_unconfined)
        goal = context.ids(Kind.GOAL)
        new = NewGoal(goal, spec, runtime, request.allow_unconfined)
        if spec.repo is not None:
            branch = f"pilothouse/{goal}"
            repository = await GoalRepository.create(context.paths.goal_repository(goal), Path(spec.repo), branch)
            new = NewGoal(goal, spec, runtime, request.allow_unconfined, branch, await repository.base())
        await context.database.write(lambda tx: insert_goal(tx, new, context.ids))
        return goal

    async def _settle_runtime(self, wanted: Runtime) -> tuple[Runtime, Driver]:
        """`auto` is docker, or process with a notice when no daemon answers; anything else is what was asked for."""
        context = self._parts.context
        if wanted is Runtime.AUTO:
            try:
                await context.driver(DriverName.DOCKER).check()
                wanted = Runtime.DOCKER
            except DaemonUnavailable as error:
                wanted = Runtime.PROCESS
                self._parts.notice(f"No container daemon answers ({error.message}): sandboxes are plain processes.")
        name = DriverName(wanted)
        driver = context.driver(name)
        health = await driver.check()
        for text in health.notices:
            self._parts.notice(text)
        self._parts.driver = name
        return wanted, driver

    @staticmethod
    def _require_confinement(spec: GoalSpec, driver: Driver, allowed: bool) -> None:
        gated = any(task.gate is not None or task.requires_approval for task in _tasks(spec.root))
        if gated and not allowed and not driver.confined:
            raise unconfined()


def _tasks(root: TaskSpec) -> Iterator[TaskSpec]:
    stack = [root]
    while stack:
        task = stack.pop()
        yield task
        stack.extend(task.tasks)
