"""Thirty engines, one after the other in one process, leave nothing behind (R97, case 36)."""

import asyncio
import gc
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from lasting_driver import LastingDriver
from private_daemon import PrivateDaemon

from engine.api import CreateGoal, Engine, StopMode
from engine.client import RemoteEngine
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox.driver import Driver
from engine.sandbox.process_driver import ProcessDriver
from engine.server import serve
from engine.settings import EngineSettings, SandboxSettings, Settings

THREADS = 4  # of the loop's own pool, all started before anything is counted
DOCKER_CYCLES, DOCKER_WARM = 4, 1  # each makes and removes two containers
WARM = 3  # cycles before the count: modules are loaded and caches filled by then
SETTINGS = Settings(engine=EngineSettings(reconcile_interval=0.05), sandbox=SandboxSettings(stop_grace=0.1))


def goal_file(run: str, runtime: str = "process") -> str:
    tasks = [{"id": "short", "run": "true" if run != "hang" else "exit 0"}, {"id": "long", "run": run}]
    group = {"id": "all", "order": "parallel", "tasks": tasks}
    return json.dumps({"goal": "test", "runtime": runtime, "tasks": [group]})


def held() -> dict[str, int]:
    """What this process holds of everything that an engine may leak, by kind."""
    gc.collect()
    kinds = {"threads": threading.active_count(), "children": len(psutil.Process().children(recursive=True))}
    kinds["asyncio tasks"] = len(asyncio.all_tasks())
    kinds["descriptors"] = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # as the kernel tells it
    return kinds


async def fill_pool() -> None:
    """Every thread of the loop's pool, which otherwise come one by one while engines come and go."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "pool"))
    together = threading.Barrier(THREADS)
    await asyncio.gather(*(asyncio.to_thread(together.wait, 30) for _ in range(THREADS)))


async def settled() -> dict[str, int]:
    """What is held once that has not changed for a moment."""
    now, was = held(), {}
    while now != was:
        await asyncio.sleep(0.2)
        now, was = held(), now
    return now


async def let_go_to(before: dict[str, int]) -> None:
    """Until no more is held than before; a thread that was told to end takes its moment."""
    now = held()
    try:
        async with asyncio.timeout(10):
            while any(now[kind] > before[kind] for kind in before):
                await asyncio.sleep(0.05)
                now = held()
    except TimeoutError:
        pytest.fail(f"held before: {before}, and after: {now}")


async def run_a_while(engine: Engine, source: str) -> None:
    """Start a goal, follow it until one task is done and one runs, cancel it, stop the engine."""
    request = CreateGoal(source=source, path="/goals/goal.yaml", allow_unconfined=True)
    goal = (await engine.create_goal(request)).id
    async with asyncio.timeout(30), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            short, long = await engine.task(f"{goal}/short"), await engine.task(f"{goal}/long")
            if (short.state, long.state) == ("done", "running"):
                break
    await engine.cancel(goal)
    await engine.stop(StopMode.STOP)


async def live_once(engine: LocalEngine, socket: Path, source: str, *, served: bool) -> None:
    if not served:
        await run_a_while(engine, source)
        await engine.wait_stopped()
        return
    async with serve(engine, socket):
        remote = await RemoteEngine.connect(f"unix:{socket}")
        try:
            await run_a_while(remote, source)
            await engine.wait_stopped()
        finally:
            await remote.close()


@pytest.mark.allow_blocking("a collection of all garbage is part of each count")
@pytest.mark.parametrize(("real", "cycles"), [(False, 30), (True, 7)], ids=["stand-in", "processes"])
@pytest.mark.alone
async def test_r97_engines_that_start_and_stop_leave_nothing(tmp_path: Path, real: bool, cycles: int) -> None:
    await fill_pool()
    paths = ProjectPaths(tmp_path / "project")
    engine_id = await own_id(paths)
    before: dict[str, int] = {}
    for cycle in range(cycles):
        driver: Driver = ProcessDriver(engine_id, paths) if real else LastingDriver(tmp_path)
        engine = await open_local(paths.root, SETTINGS, drivers={DriverName.PROCESS: driver})
        try:
            source = goal_file("exec sleep 600" if real else "hang")
            await live_once(engine, paths.socket, source, served=cycle % 3 == 0)
        finally:
            await engine.close()
        if cycle == WARM:
            before = await settled()
    await let_go_to(before)
    assert left_in(paths) == ["engine.db"]


@pytest.mark.docker
@pytest.mark.allow_blocking("a collection of all garbage is part of each count")
async def test_r97_engines_with_real_containers_that_start_and_stop_leave_nothing(
    private_daemon: PrivateDaemon, tmp_path: Path
) -> None:
    await fill_pool()
    paths = ProjectPaths(tmp_path / "project")
    boxes = {"runtime": "docker", "docker_host": private_daemon.host, "stop_grace": 0.1}
    settings = Settings.model_validate({"engine": {"reconcile_interval": 0.05}, "sandbox": boxes})
    source = goal_file("exec sleep 600", runtime="docker")
    before: dict[str, int] = {}
    networks = await asyncio.to_thread(private_daemon.networks)
    for cycle in range(DOCKER_CYCLES):
        engine = await open_local(paths.root, settings)
        try:
            await live_once(engine, paths.socket, source, served=cycle % 3 == 0)
        finally:
            await engine.close()
        assert await asyncio.to_thread(private_daemon.containers) == []
        assert await asyncio.to_thread(private_daemon.networks) == networks
        if cycle == DOCKER_WARM:
            before = await settled()
    await let_go_to(before)
    assert left_in(paths) == ["engine.db"]


def left_in(paths: ProjectPaths) -> list[str]:
    """Every file of the state folder that is not a log."""
    kept = (path for path in paths.state.rglob("*") if path.is_file() and paths.logs not in path.parents)
    return sorted(str(path.relative_to(paths.state)) for path in kept)


async def own_id(paths: ProjectPaths) -> str:
    visitor = await open_local(paths.root, SETTINGS, visiting=True, drivers={})
    try:
        return (await visitor.info()).id
    finally:
        await visitor.close()
