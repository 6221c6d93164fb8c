"""Containers that stand still (R51, R52)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engine.errors import Conflict, NotFound
from engine.ids import SafeName, safe_name
from engine.sandbox.docker_driver import DockerDriver

pytestmark = pytest.mark.docker
Start = Callable[..., Awaitable[SafeName]]
COUNT = "n=0; while :; do n=$((n+1)); echo $n > /workspace/n; sleep 0.02; done"
COUNTS_ON = 'cd /workspace; a=$(cat n); while [ "$(cat n)" = "$a" ]; do sleep 0.02; done'
LONG = 60.0  # seconds nothing here needs


async def paused(driver: DockerDriver, name: SafeName) -> bool:
    return bool((await driver._containers.inspect(name))["State"]["Paused"])


async def test_r52_a_frozen_container_stands_still_until_it_is_thawed(driver: DockerDriver, start: Start) -> None:
    name = await start(COUNT)
    await driver.pause(name)
    await driver.pause(name)  # fine when it stands still already
    assert await paused(driver, name)
    assert [box.running for box in await driver.list_owned()] == [True]
    waiting = asyncio.create_task(driver.wait(name))
    await driver.unpause(name)
    await driver.unpause(name)
    assert not await paused(driver, name)
    assert (await driver.exec(name, ["sh", "-c", COUNTS_ON]))[0] == 0
    assert not waiting.done(), "standing still is no end"
    await driver.kill(name)
    async with asyncio.timeout(LONG):
        assert (await waiting).signal == 9


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_r51_a_frozen_container_ends_after_all(driver: DockerDriver, start: Start, end: str) -> None:
    name = await start("trap 'exit 3' TERM; while :; do sleep 0.05; done")
    await driver.pause(name)
    await driver.unpause(name)  # as dispatch does it
    await (driver.kill(name) if end == "kill" else driver.stop(name, 20))
    async with asyncio.timeout(LONG):
        assert (await driver.wait(name)).code in (137, 3, 143)


async def test_what_has_ended_is_not_frozen_and_may_be_thawed(driver: DockerDriver, start: Start) -> None:
    name = await start("exit 0")
    async with asyncio.timeout(LONG):
        await driver.wait(name)
    with pytest.raises(Conflict):
        await driver.pause(name)
    await driver.unpause(name)
    await driver.remove(name)
    with pytest.raises(NotFound):
        await driver.pause(name)
    await driver.unpause(safe_name("ph-never-r-was"))
