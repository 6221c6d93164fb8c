"""Letting a goal in: parsed, its runtime settled, its images and repository there, before a row is written."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.api import CreateGoal
from engine.dispatch.agent.checkpoints import carry
from engine.dispatch.creation import NewGoal, insert_goal, refuse_second
from engine.dispatch.runs.preparation import leaky, unconfined
from engine.errors import DaemonUnavailable
from engine.goals import omitted, parse_goal
from engine.ids import Kind
from engine.local.again import as_before, require_place
from engine.local.parts import Parts
from engine.model import DriverName, GoalSpec, Runtime, TaskSpec
from engine.model.destinations import EGRESS
from engine.sandbox.driver import Driver
from engine.store import Tx
from engine.workspace import GoalRepository


class Admission:
    """Checks a goal against this machine and stores it whole, or refuses it and stores nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, request: CreateGoal, within: Callable[[Tx, str], None] | None = None) -> str:
        """A draft goal's id; `within` adds to the transaction that stores it. Raises InvalidGoalFile, ImageNotFound,
        DaemonUnavailable or Invalid."""
        context = self._parts.context
        repo, checkpoint = None, None
        if request.again is not None:
            request, repo, checkpoint = await context.database.read(partial(as_before, request=request))
        ref = request.external_ref
        if ref is not None:  # before a repository is made for it
            await context.database.read(lambda connection: refuse_second(connection, ref))
        spec = await self._spec(request, repo)
        skipped = omitted(spec.root, request.skip)
        if checkpoint is not None:
            require_place(spec.root, skipped, checkpoint)
        wanted = request.runtime or spec.runtime or context.settings.sandbox.runtime
        runtime, driver = await self._settle_runtime(wanted)
        tasks = list(_tasks(spec.root))
        images = {task.sandbox.image for task in tasks if task.sandboxed}
        networks = {task.sandbox.network for task in tasks if task.sandboxed}
        gated = any(task.gate is not None or task.requires_approval for task in tasks)
        await require_means(driver, images, networks, gated=gated, allowed=request.allow_unconfined)
        goal = context.ids(Kind.GOAL)
        new = NewGoal(goal, spec, runtime, request.allow_unconfined, external_ref=ref, continues=request.again,
                      skipped=skipped, by=request.by)  # fmt: skip
        if spec.repo is not None:
            branch = f"pilothouse/{goal}"
            repository = await GoalRepository.create(context.paths.goal_repository(goal), Path(spec.repo), branch)
            new = replace(new, branch=branch, base_commit=await repository.base())

        def store(tx: Tx) -> None:
            insert_goal(tx, new, context.ids)
            if checkpoint is not None:
                carry(tx, checkpoint, goal, request.by)
            if within is not None:
                within(tx, goal)

        await context.database.write(store)
        return goal

    async def _spec(self, request: CreateGoal, repo: str | None) -> GoalSpec:
        """What the goal file says, under what the request says; `repo`: the repository of the goal it starts over."""
        settings = self._parts.context.settings
        spec = await asyncio.to_thread(
            parse_goal, request.source, request.path, request.variables, limits=settings.sandbox.defaults,
            agents=settings.agents, folder=request.folder,
        )  # fmt: skip
        if repo is not None:  # the same one, wherever the file lies today
            spec = spec.model_copy(update={"repo": repo})
        if request.max_parallel is not None:
            policy = spec.policy.model_copy(update={"max_parallel": request.max_parallel})
            spec = spec.model_copy(update={"policy": policy})
        return spec

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


async def require_means(
    driver: Driver, images: Collection[str], networks: Collection[str], *, gated: bool, allowed: bool
) -> None:
    """Raise ImageNotFound or Invalid when this machine cannot run such tasks, or cannot keep them from their gates or
    from the network."""
    for image in sorted(images):
        await driver.require_image(image)
    if gated and not allowed and not driver.confined:
        raise unconfined()
    if EGRESS in networks and not driver.cuts_network:
        raise leaky()


def _tasks(root: TaskSpec) -> Iterator[TaskSpec]:
    stack = [root]
    while stack:
        task = stack.pop()
        yield task
        stack.extend(task.tasks)
        if task.testers is not None:
            stack.append(task.testers.work)
