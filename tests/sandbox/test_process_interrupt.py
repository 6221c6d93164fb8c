"""An interrupt reaches the command of a process sandbox and nothing that it started (R32)."""

import asyncio

import pytest
from process_bench import LONG, Bench

from engine.errors import Conflict, NotFound
from engine.ids import safe_name

# An orphan and a child of its own session stand beside the command; each would say so if it heard anything.
HEARS = """
(trap 'echo orphan heard it' INT; while :; do sleep 0.02; done) &
trap 'echo heard; kill $!; exit 7' INT
echo ready
while :; do sleep 0.02; done
"""
GOES_ON = "trap 'echo heard; heard=1' INT; echo ready; until [ $heard ]; do sleep 0.02; done; sleep 0.1; exit 0"


@pytest.mark.parametrize(("command", "code", "said"), [(HEARS, 7, "ready\nheard\n"), (GOES_ON, 0, "ready\nheard\n")])
async def test_r32_the_command_hears_it_and_decides(bench: Bench, command: str, code: int, said: str) -> None:
    name = await bench.start(command)
    assert await bench.first_line(name) == "ready"
    await bench.driver.interrupt(name)
    async with asyncio.timeout(LONG):
        assert (await bench.driver.wait(name)).code == code
    assert await bench.output(name) == said


async def test_r32_one_that_minds_nothing_ends_by_it(bench: Bench) -> None:
    name = await bench.start("echo ready; exec sleep 60")
    assert await bench.first_line(name) == "ready"
    await bench.driver.interrupt(name)
    async with asyncio.timeout(LONG):
        assert (await bench.driver.wait(name)).signal == 2
    with pytest.raises(Conflict):
        await bench.driver.interrupt(name)
    with pytest.raises(NotFound):
        await bench.driver.interrupt(safe_name("ph-never-r-was"))
