"""A full disk holds dispatch and loses nothing that was acknowledged (case 5, R4)."""

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from lasting_driver import LastingDriver

from engine.api import CreateGoal
from engine.errors import StoreError
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, GoalState, RunState, TaskState
from engine.settings import EngineSettings, Settings

SIZE = 4 * 1024**2  # bytes of the small disk


class SmallDisk:
    """A file system of its own, filled by one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                return

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


class SmallFiles:
    """Where nothing can be mounted: no file of this process may grow beyond what the store's journal has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        journal = self.folder / ".pilothouse" / "engine.db-wal"
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size, self._limits[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


@contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=["disk", "files"])
def disk(request: pytest.FixtureRequest, project: Path) -> Iterator[SmallDisk | SmallFiles]:
    if request.param == "disk":
        with mounted(project) as small:
            yield small
    else:
        files = SmallFiles(project)
        yield files
        files.free()


def goal_file(*tasks: dict[str, object]) -> str:
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    return json.dumps({"goal": "test", "runtime": "process", "tasks": [group]})


async def fill_up(engine: LocalEngine) -> tuple[list[str], StoreError]:
    """Drafts that were acknowledged, until one is refused, and how that is told."""
    kept = []
    draft = CreateGoal(source=goal_file({"id": "only", "run": "exit 0"}), path="/goals/goal.yaml", start=False)
    while True:
        try:
            kept.append((await engine.create_goal(draft)).id)
        except StoreError as error:
            return kept, error


async def told(engine: LocalEngine, *, held: bool) -> None:
    """Until the engine says, or says no more, that nothing starts: no event can tell that while the disk is full."""
    async with asyncio.timeout(30):
        while held is not any("nothing starts" in n for n in (await engine.info()).notices):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_case_5_r4_a_full_disk_holds_dispatch_and_loses_nothing(
    disk: SmallDisk | SmallFiles, tmp_path: Path
) -> None:
    settings = Settings(engine=EngineSettings(retry_backoff=0.2, reconcile_interval=0.2))
    drivers = {DriverName.PROCESS: LastingDriver(tmp_path / "aside")}
    engine = await open_local(disk.folder, settings, random=Random(7), drivers=drivers)
    try:
        source = goal_file({"id": "often", "run": "exit 1", "retries": 20}, {"id": "long", "run": "hang"})
        goal = (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id
        async with asyncio.timeout(30):
            async for _ in engine.subscribe():
                often, long = await engine.task(f"{goal}/often"), await engine.task(f"{goal}/long")
                if often.runs and often.runs[0].state is RunState.ENDED and long.state is TaskState.RUNNING:
                    break
        disk.fill()
        kept, refusal = await fill_up(engine)
        assert "the store refused a write" in refusal.message
        assert refusal.hint
        await told(engine, held=True)
        assert (await engine.task(f"{goal}/long")).state is TaskState.RUNNING  # what ran goes on
        so_far = len((await engine.task(f"{goal}/often")).runs)
        disk.free()
        async with asyncio.timeout(30):
            async for _ in engine.subscribe():
                if len((await engine.task(f"{goal}/often")).runs) > so_far:
                    break
        await told(engine, held=False)
        await engine.cancel(goal)
        async with asyncio.timeout(30):
            async for _ in engine.subscribe():
                if (await engine.status(goal)).goals[0].state is GoalState.CANCELLED:
                    break
    finally:
        disk.free()
        await engine.close()
    store = sqlite3.connect(disk.folder / ".pilothouse" / "engine.db")
    try:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert set(kept) <= {row[0] for row in store.execute("SELECT id FROM goals")}
        seqs = [row[0] for row in store.execute("SELECT seq FROM events ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))
    finally:
        store.close()
