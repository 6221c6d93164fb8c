"""Engines over a real store with a scripted driver."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from judges import JudgeDriver
from near import World, world
from scripted import Bench, ScriptedDriver
from timed import FrozenClock, Timed
from yard import Open, WorkingDriver, Yard, git

from engine.clock import Clock
from engine.dispatch.egress.reach import Reach
from engine.local.opening import open_local
from engine.model import DriverName
from engine.sandbox.driver import Driver
from engine.settings import DecisionSettings, EngineSettings, Settings


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    """Open engines on one project, one after the other or with other settings; all are closed at the end."""
    async with AsyncExitStack() as stack:
        driver = ScriptedDriver(root=project)

        async def open_one(
            clock: Clock | None = None,
            decisions: DecisionSettings | None = None,
            reach: Reach | None = None,
            **engine: object,
        ) -> Bench:
            defaults = {"retry_backoff": 0.01, "spawn_rate": 100_000, "reconcile_interval": 3600}
            settings = Settings(
                engine=EngineSettings.model_validate(defaults | engine), decisions=decisions or DecisionSettings()
            )
            drivers: dict[DriverName, Driver] = {DriverName.PROCESS: driver}
            local = await open_local(project, settings, random=Random(7), drivers=drivers, clock=clock, reach=reach)
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


@pytest.fixture
async def outside() -> AsyncIterator[World]:
    """What a sandbox may reach; open an engine with its `reach`."""
    async with world() as here:
        yield here


@pytest.fixture
async def bench(opened: Callable[..., Awaitable[Bench]]) -> Bench:
    return await opened()


@pytest.fixture
def driver(bench: Bench) -> JudgeDriver:
    """The bench's own driver from here on: its judges say what a test wants."""
    mine = JudgeDriver(root=bench.driver.root)
    bench.driver = mine
    bench.engine._parts.context.drivers = {mine.name: mine}
    return mine


@pytest.fixture
async def timed(project: Path) -> AsyncIterator[Callable[..., Awaitable[Timed]]]:
    """Open engines under one frozen clock, one after the other; `schedules` are those of the settings."""
    async with AsyncExitStack() as stack:
        driver, clock = ScriptedDriver(root=project), FrozenClock()

        async def open_one(schedules: dict[str, object] | None = None, *, visiting: bool = False) -> Timed:
            values = {"retry_backoff": 0.01, "spawn_rate": 100_000, "reconcile_interval": 3600}
            settings = Settings.model_validate({"engine": values, "schedules": schedules or {}})
            drivers: dict[DriverName, Driver] = {DriverName.PROCESS: driver}
            local = await open_local(
                project, settings, visiting=visiting, random=Random(7), drivers=drivers, clock=clock
            )
            stack.push_async_callback(local.close)
            return Timed(local, driver, clock)

        yield open_one


@pytest.fixture
async def yards(project: Path) -> AsyncIterator[Open]:
    """Open engines on one project with an operator's repository, one after the other."""
    (project / "operator").mkdir()
    git(project / "operator", "init", "--quiet", "--initial-branch=main")
    (project / "operator" / "a.txt").write_text("one\n")
    git(project / "operator", "add", ".")
    git(project / "operator", "commit", "--quiet", "-m", "first")
    driver = WorkingDriver(root=project)
    async with AsyncExitStack() as stack:

        async def open_one(*, visiting: bool = False) -> Yard:
            # What is staged stays so: what a test does meanwhile takes git as long as it takes.
            engine = EngineSettings(retry_backoff=0.01, spawn_rate=100_000, reconcile_interval=3600, undo_window=300)
            drivers: dict[DriverName, Driver] = {DriverName.PROCESS: driver}
            settings = Settings(engine=engine)
            local = await open_local(project, settings, visiting=visiting, random=Random(7), drivers=drivers)
            stack.push_async_callback(local.close)
            return Yard(local, driver)

        yield open_one


@pytest.fixture
async def yard(yards: Open) -> Yard:
    return await yards()


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def runtime(request: pytest.FixtureRequest) -> str:
    """A driver that can run; under docker the default image is there."""
    if request.param == "docker":
        request.getfixturevalue("sandbox_image")
    return str(request.param)
