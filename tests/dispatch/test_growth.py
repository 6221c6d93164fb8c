"""A work folder that outgrows its limit ends its run with that cause, however many files it takes (case 39)."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.clock import SystemClock
from engine.dispatch.runs import growth
from engine.local.opening import open_local
from engine.model import DriverName, ExitCause
from engine.sandbox.driver import Driver
from engine.settings import EngineSettings, SandboxSettings, Settings
from engine.workspace import counted, disk_use

MB = 1024**2


@pytest.fixture
async def small(project: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """An engine whose work folders may hold 1 MB."""
    monkeypatch.setattr(growth, "PAUSE", 0.02)
    driver = ScriptedDriver(root=project)
    drivers: dict[DriverName, Driver] = {DriverName.PROCESS: driver}
    settings = Settings(sandbox=SandboxSettings(work_limit=MB), engine=EngineSettings(reconcile_interval=3600))
    engine = await open_local(project, settings, drivers=drivers)
    yield Bench(engine, driver)
    await engine.close()


async def test_case_39_a_run_that_outgrows_its_folder_ends_with_that_cause(small: Bench) -> None:
    goal = await small.goal(goal_file({"id": "fill", "run": "hang"}))
    await small.until(goal.id, lambda _, states: states["fill"] == "running")
    (run,) = (await small.engine.task(f"{goal.id}/fill")).runs
    await asyncio.to_thread((small.driver.work_folder(run.id) / "big").write_bytes, os.urandom(2 * MB))
    await small.ended(goal.id)
    (run,) = (await small.engine.task(f"{goal.id}/fill")).runs
    assert run.cause is ExitCause.BUDGET
    assert "its work folder grew to" in (run.message or "")
    assert "`sandbox.work_limit` is 1 MB" in (run.message or "")


async def test_case_39_a_million_files_are_counted_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "PAUSE", 0)
    looks: list[float] = []

    def endless(_: Path) -> "itertools.repeat[int]":
        return itertools.repeat(4096, 1_000_000)

    def noted(walk: "itertools.repeat[int]", seconds: float) -> tuple[int, bool]:
        looks.append(seconds)
        return counted(walk, 0.01)

    monkeypatch.setattr(growth, "disk_use", endless)
    monkeypatch.setattr(growth, "counted", noted)
    async with asyncio.timeout(20):
        held = await growth.outgrown(SystemClock(), tmp_path, 900_000 * 4096)
    assert 900_000 * 4096 < held <= 1_000_000 * 4096
    assert len(looks) > 1
    assert set(looks) == {growth.LOOK}


def test_what_is_counted_is_on_the_disk_and_inside(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "work"
    (folder / "deep" / "er").mkdir(parents=True)
    outside.mkdir()
    (outside / "huge").write_bytes(b"x" * 4 * MB)
    (folder / "deep" / "er" / "file").write_bytes(os.urandom(MB))
    (folder / "link").symlink_to(outside)
    with (folder / "sparse").open("wb") as sparse:
        sparse.truncate(20 * 1024**3)
    os.mkfifo(folder / "pipe")
    total, whole = counted(disk_use(folder), 10)
    assert whole
    assert MB <= total < 4 * MB
    assert counted(disk_use(tmp_path / "missing"), 1) == (0, True)


def test_a_count_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for n in range(50):
        (tmp_path / f"f{n}").write_bytes(b"x" * 4096)
    walk, pieces, whole = disk_use(tmp_path), 0, False
    total = 0
    while not whole:
        found, whole = counted(walk, 0)
        total, pieces = total + found, pieces + 1
    assert pieces > 10
    assert (total, True) == counted(disk_use(tmp_path), 10)
