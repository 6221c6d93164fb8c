"""Engines of this process over real containers, with the words that tests of faults use."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.api import CreateGoal, LogQuery, TreeNode
from engine.events import Event, EventType
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, Runtime, Stream
from engine.settings import Settings

PATIENCE = 30.0  # seconds until what a test waits for counts as never
SMALL = {"memory": "64m", "cpus": 1}
# What a command waits for until its test has seen what it wants; a minute at most.
HELD = "n=0; until [ -e go ] || [ $n = 600 ]; do n=$((n+1)); sleep 0.1; done"


class ContainerEngine:
    """One engine, and what has happened in it since it was opened."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine

    async def goal(self, tasks: dict[str, str], *, sandbox: dict[str, object] | None = None) -> str:
        """Start a goal of parallel shell commands by key; its id."""
        rows = [{"id": key, "run": command} for key, command in tasks.items()]
        source = {
            "goal": "faults",
            "defaults": {"sandbox": SMALL | (sandbox or {})},
            "tasks": [{"id": "all", "order": "parallel", "on_failure": "continue", "tasks": rows}],
        }
        made = await self.engine.create_goal(CreateGoal(source=json.dumps(source), runtime=Runtime.DOCKER))
        return made.id

    async def until(self, wanted: Callable[[Event], bool], *, times: int = 1, after: int = 0) -> list[Event]:
        """The first events that fit, whether they have happened or will."""
        found: list[Event] = []
        async with asyncio.timeout(PATIENCE):
            async for update in self.engine.subscribe(after):
                if isinstance(update, Event) and wanted(update):
                    found.append(update)
                    if len(found) == times:
                        return found
        raise AssertionError("the engine closed before that")

    async def until_type(self, kind: EventType, *, times: int = 1) -> list[Event]:
        return await self.until(lambda event: event.type is kind, times=times)

    async def printed(self, goal: str, *keys: str) -> None:
        """Return once each of these tasks has a line in its log."""
        async with asyncio.timeout(PATIENCE):
            for key in keys:
                task = (await self.engine.task(f"{goal}/{key}")).id
                await self.until(partial(_started, task))
                lines = self.engine.follow(task, LogQuery())
                await anext(lines)
                await lines.aclose()  # type: ignore[attr-defined]  # a generator, as the protocol does not say

    def let_go(self, *runs: str) -> None:
        """End what is HELD in these runs."""
        for run in runs:
            (self.engine._parts.context.drivers[DriverName.DOCKER].work_folder(run) / "go").touch()

    async def lines(self, ref: str) -> list[str]:
        """What the command itself has printed so far."""
        page = await self.engine.logs(ref, LogQuery(limit=50_000))
        return [line.text for line in page.lines if line.stream in (Stream.OUT, Stream.ERR)]

    async def states(self, goal: str) -> dict[str, str]:
        found: dict[str, str] = {}
        stack: list[TreeNode] = [await self.engine.tree(goal)]
        while stack:
            node = stack.pop()
            if node.kind != "goal":
                found[node.key] = str(node.state)
            stack.extend(node.children)
        return found

    async def events(self, kind: EventType | None = None) -> list[Event]:
        return [event for event in await self.engine.events(0, 100_000) if kind in (None, event.type)]

    async def slowest_answer(self, goal: str, until: "asyncio.Future[Any] | asyncio.Task[Any]") -> float:
        """Ask the engine again and again until something is done; the longest time an answer took, in seconds."""
        slowest = 0.0
        while not until.done():
            began = time.perf_counter()
            await self.engine.status(goal)
            await self.engine.sandboxes()
            await self.engine.decisions()
            slowest = max(slowest, time.perf_counter() - began)
            await asyncio.wait({until}, timeout=0.05)
        return slowest


def _started(task: str, event: Event) -> bool:
    return event.task == task and event.type is EventType.RUN_STARTED


OpenEngine = Callable[..., Awaitable[ContainerEngine]]


@asynccontextmanager
async def container_engine(
    project: Path, host: str, *, sandbox: dict[str, object] | None = None, **engine: object
) -> AsyncIterator[ContainerEngine]:
    defaults = {"retry_backoff": 0.05, "reconcile_interval": 0.5, "shutdown_grace": 5, "undo_window": 0}
    boxes = {"docker_host": host, "stop_grace": 1} | (sandbox or {})
    settings = Settings.model_validate({"engine": defaults | engine, "sandbox": boxes})
    local = await open_local(project, settings, random=Random(7))
    try:
        yield ContainerEngine(local)
    finally:
        await local.close()


@pytest.fixture
async def open_engine(project: Path) -> AsyncIterator[OpenEngine]:
    """Open engines on one project, one after the other; `host` is the daemon's address, `sandbox` settings of
    sandboxes, the rest those of the engine."""
    async with AsyncExitStack() as stack:

        async def open_one(host: str, *, sandbox: dict[str, object] | None = None, **engine: object) -> ContainerEngine:
            return await stack.enter_async_context(container_engine(project, host, sandbox=sandbox, **engine))

        yield open_one
