"""Process sandboxes that stand still as a whole, orphans and sessions of their own too (R51, R52)."""

import asyncio

import pytest
from process_bench import LONG, Bench

from engine.errors import Conflict, NotFound
from engine.ids import SafeName, safe_name
from engine.sandbox import process_tree

# A command, a child in a session of its own, and an orphan; each counts aloud.
FAMILY = """
count() { n=0; while :; do n=$((n+1)); echo $1 $n; sleep 0.02; done; }
(setsid sh -c 'n=0; while :; do n=$((n+1)); echo apart $n; sleep 0.02; done' &)
(count orphan &)
count first
"""
MEMBERS = ("first", "apart", "orphan")


async def states(bench: Bench, name: SafeName) -> set[str]:
    return {process.state for process in process_tree.marked(name, await bench.driver._uid())}


async def heard(bench: Bench, name: SafeName, times: int) -> dict[str, int]:
    """The last number each of the family said, once all of them have said `times` more than that before."""
    last = dict.fromkeys(MEMBERS, 0)
    first: dict[str, int] = {}
    async with asyncio.timeout(LONG):
        async for chunk in bench.driver.logs(name, None):
            who, number = chunk.data.decode().split()
            last[who] = int(number)
            first.setdefault(who, int(number))
            if all(last[who] >= first.get(who, 10**9) + times for who in MEMBERS):
                return last
    raise AssertionError("it ended")


async def said(bench: Bench, name: SafeName) -> int:
    return sum(file.stat().st_size for file in bench.paths.sandboxes.joinpath(name).glob("**/*") if file.is_file())


async def all_said(bench: Bench, name: SafeName) -> int:
    """How much was said once what stood in the pipes is written, too: nothing has come for ten times as long as one of
    the family is silent."""
    size, since = await said(bench, name), 0
    async with asyncio.timeout(LONG):
        while since < 10:
            await asyncio.sleep(0.02)
            before, size = size, await said(bench, name)
            since = since + 1 if size == before else 0
    return size


async def test_r52_no_process_of_it_moves_until_it_is_thawed(bench: Bench) -> None:
    name = await bench.start(FAMILY)
    before = await heard(bench, name, 3)
    await bench.driver.pause(name)
    assert await states(bench, name) == {"T"}
    await bench.driver.pause(name)  # fine when it stands still already
    quiet = await all_said(bench, name)
    for _ in range(20):
        await asyncio.sleep(0.02)
        assert await states(bench, name) == {"T"}
    assert await said(bench, name) == quiet
    assert [box.running for box in await bench.driver.list_owned()] == [True]
    await bench.driver.unpause(name)
    after = await heard(bench, name, max(before.values()) + 5)
    assert all(after[who] > before[who] for who in MEMBERS)
    await bench.driver.kill(name)


async def test_r51_a_frozen_sandbox_is_killed_whole(bench: Bench) -> None:
    name = await bench.start(FAMILY)
    await heard(bench, name, 1)
    await bench.driver.pause(name)
    await bench.driver.kill(name)
    async with asyncio.timeout(LONG):
        assert (await bench.driver.wait(name)).signal == 9
    assert await states(bench, name) == set()


async def test_what_has_ended_is_not_frozen_and_may_be_thawed(bench: Bench) -> None:
    name = await bench.start("exit 0")
    async with asyncio.timeout(LONG):
        await bench.driver.wait(name)
    with pytest.raises(Conflict):
        await bench.driver.pause(name)
    await bench.driver.unpause(name)
    await bench.driver.remove(name)
    with pytest.raises(NotFound):
        await bench.driver.pause(name)
    await bench.driver.unpause(safe_name("ph-never-r-was"))
