"""Engines over a real store with a scripted driver."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from scripted import Bench, ScriptedDriver
from yard import Open, WorkingDriver, Yard, git

from engine.local import open_local
from engine.model import DriverName
from engine.sandbox.driver import Driver
from engine.settings import EngineSettings, Settings


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    """Open engines on one project, one after the other or with other settings; all are closed at the end."""
    async with AsyncExitStack() as stack:
        driver = ScriptedDriver(root=project)

        async def open_one(**engine: object) -> Bench:
            defaults = {"retry_backoff": 0.01, "spawn_rate": 100_000, "reconcile_interval": 3600}
            settings = Settings(engine=EngineSettings.model_validate(defaults | engine))
            local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: driver})
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


@pytest.fixture
async def bench(opened: Callable[..., Awaitable[Bench]]) -> Bench:
    return await opened()


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
            engine = EngineSettings(retry_backoff=0.01, spawn_rate=100_000, reconcile_interval=3600)
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
