"""An interrupt reaches the main process of a container, below our init (R32)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from engine.errors import Conflict, NotFound
from engine.ids import SafeName, safe_name
from engine.sandbox.docker_driver import DockerDriver

pytestmark = pytest.mark.docker
Start = Callable[..., Awaitable[SafeName]]
READY = ["sh", "-c", "until [ -e /workspace/ready ]; do sleep 0.02; done"]
LONG = 60.0  # seconds nothing here needs


@pytest.mark.parametrize(
    ("command", "code", "signal"),
    [
        ("trap 'exit 7' INT; touch /workspace/ready; while :; do sleep 0.02; done", 7, None),
        (
            "trap 'touch /workspace/heard' INT; touch /workspace/ready; until [ -e /workspace/heard ]; do :; done",
            0,
            None,
        ),
        ("touch /workspace/ready; exec sleep 60", 130, 2),
    ],
)
async def test_r32_the_main_process_hears_it_and_decides(
    driver: DockerDriver, start: Start, command: str, code: int, signal: int | None
) -> None:
    name = await start(command)
    assert (await driver.exec(name, READY))[0] == 0
    await driver.interrupt(name)
    async with asyncio.timeout(LONG):
        ended = await driver.wait(name)
    assert (ended.code, ended.signal) == (code, signal)
    with pytest.raises(Conflict):
        await driver.interrupt(name)
    with pytest.raises(NotFound):
        await driver.interrupt(safe_name("ph-never-r-was"))
