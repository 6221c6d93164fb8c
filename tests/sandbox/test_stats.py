"""What a sandbox uses: CPU time that grows with work and stands still without, memory that is really held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from process_bench import Bench, open_bench

from engine.errors import NotFound
from engine.ids import SafeName
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.docker_stats import read_stats
from engine.sandbox.driver import Driver, Stats

BUSY = "while :; do :; done"
HOLDS = "exec python3 -c 'import time; held = bytearray(80 * 1024 * 1024); time.sleep(600)'"
LONG = 60.0  # seconds nothing here needs
NAME = SafeName("ph-00000000-r-1")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as opened:
        yield opened


async def until(driver: Driver, name: SafeName, holds: Callable[[Stats], bool]) -> Stats:
    async with asyncio.timeout(LONG):
        while True:
            found = await driver.stats(name)
            if holds(found):
                return found
            await asyncio.sleep(0.05)  # nobody tells how much is used: it is asked again


async def require_measures(driver: Driver, busy: SafeName, idle: SafeName) -> None:
    """One that works is told from one that holds memory and sleeps."""
    await until(driver, busy, lambda stats: stats.cpu_seconds > 0.3)
    first = await until(driver, idle, lambda stats: stats.memory > 80 * 1024**2)
    worked = await driver.stats(busy)
    await until(driver, busy, lambda stats: stats.cpu_seconds > worked.cpu_seconds + 0.3)
    assert (await driver.stats(idle)).cpu_seconds - first.cpu_seconds < 0.1
    assert first.memory < 200 * 1024**2


async def test_process_sandbox_is_measured_with_everything_below_it(bench: Bench) -> None:
    busy, idle = await bench.start(BUSY), await bench.start(HOLDS)
    await require_measures(bench.driver, busy, idle)
    await bench.driver.kill(busy)
    with pytest.raises(NotFound):
        await bench.driver.stats(busy)
    with pytest.raises(NotFound):
        await bench.driver.stats(NAME)


async def test_cpu_time_of_children_that_have_ended_is_kept(bench: Bench) -> None:
    loop = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    name = await bench.start(f"(sh -c '{loop}'); echo done; exec sleep 600")
    async with asyncio.timeout(LONG):
        async for chunk in bench.driver.logs(name, None):
            if chunk.data == b"done\n":
                break
    assert (await bench.driver.stats(name)).cpu_seconds > 0.05


@pytest.mark.docker
async def test_container_is_measured(driver: DockerDriver, start: Callable[..., Awaitable[SafeName]]) -> None:
    busy, idle = await start(BUSY), await start(HOLDS, memory=256 * 1024**2)
    await require_measures(driver, busy, idle)
    await driver.kill(busy)
    async with asyncio.timeout(LONG):
        await driver.wait(busy)
    with pytest.raises(NotFound):
        await driver.stats(busy)


def test_page_cache_that_the_kernel_takes_back_is_not_counted() -> None:
    found = {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
        "memory_stats": {"usage": 100, "stats": {"inactive_file": 30}},
    }
    assert read_stats(NAME, found) == Stats(1.5, 70)
    with pytest.raises(NotFound):
        read_stats(NAME, {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}})
