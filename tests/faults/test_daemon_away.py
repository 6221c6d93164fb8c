"""A daemon that is not there, dies or hangs while containers run: nothing is lost, nothing made twice."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from container_engine import OpenEngine
from private_daemon import PrivateDaemon

from engine.errors import DaemonUnavailable
from engine.events import EventType

pytestmark = pytest.mark.docker

COUNT = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo {name} $i; sleep 0.05; done; exit {code}"


async def test_case_24_no_daemon_is_said_and_the_same_engine_goes_on_when_one_appears(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    await asyncio.to_thread(private_daemon.kill)
    bench = await open_engine(private_daemon.host)
    with pytest.raises(DaemonUnavailable, match="no container daemon answers") as caught:
        await bench.goal({"one": "true"})
    assert "systemctl start docker" in caught.value.hint
    assert (await bench.engine.status()).goals == (), "a goal that was refused leaves nothing"
    await asyncio.to_thread(private_daemon.start)
    goal = await bench.goal({"one": "echo here; exit 0"})
    await bench.until_type(EventType.GOAL_ENDED)
    assert await bench.lines(f"{goal}/one") == ["here"]


async def test_case_25_runs_outlast_a_daemon_that_dies_and_every_line_is_there_once(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    await asyncio.to_thread(private_daemon.kill)
    await asyncio.to_thread(private_daemon.start, live_restore=True)
    bench = await open_engine(private_daemon.host)
    names = ("a", "b", "c")
    goal = await bench.goal({name: COUNT.format(name=name, code=0) for name in names})
    await bench.until_type(EventType.RUN_STARTED, times=3)
    await bench.printed(goal, *names)
    await asyncio.to_thread(private_daemon.kill)
    await asyncio.to_thread(private_daemon.start, live_restore=True)
    await bench.until_type(EventType.GOAL_ENDED)
    for name in names:
        assert await bench.lines(f"{goal}/{name}") == [f"{name} {i}" for i in range(1, 41)]
    assert await bench.events(EventType.LOG_GAP) == []
    assert Counter(event.data["cause"] for event in await bench.events(EventType.RUN_ENDED)) == {"exit": 3}
    assert len(await bench.events(EventType.RUN_CREATED)) == 3
    await private_daemon.emptied()


async def test_case_26_a_frozen_daemon_holds_no_answer_and_nothing_is_made_twice(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, max_parallel=2)
    goal = await bench.goal({"first": "echo up; sleep 1", "second": "echo up; sleep 1", "third": "sleep 0.2"})
    await bench.printed(goal, "first", "second")
    with private_daemon.frozen():
        pause = asyncio.create_task(asyncio.sleep(6))
        slowest = await bench.slowest_answer(goal, pause)
        assert set((await bench.states(goal)).values()) <= {"running", "pending", "claimed"}, "silence is no end"
    await bench.until_type(EventType.GOAL_ENDED)
    assert slowest < 1
    runs = Counter(event.task for event in await bench.events(EventType.RUN_CREATED))
    assert set(runs.values()) == {1}
    assert set((await bench.states(goal)).values()) == {"done"}
    await private_daemon.emptied()


@pytest.mark.parametrize("way", [PrivateDaemon.kill, PrivateDaemon.stop])
async def test_case_25_runs_that_end_with_their_daemon_are_lost_and_no_fault_of_their_tasks(
    way: Callable[[PrivateDaemon], None], private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, retry_backoff=3600, breaker_backoff=600)
    names = ("a", "b", "c")
    goal = await bench.goal({name: f"echo {name}; exec sleep 600" for name in names})
    await bench.printed(goal, *names)
    await asyncio.to_thread(way, private_daemon)
    await asyncio.to_thread(private_daemon.start)  # which ends what it finds
    ended = await bench.until_type(EventType.RUN_ENDED, times=3)
    assert [event.data["cause"] for event in ended] == ["lost"] * 3
    assert all("daemon" in str(event.data["message"]) for event in ended)
    for name in names:
        assert await bench.lines(f"{goal}/{name}") == [name]
        assert (await bench.engine.task(f"{goal}/{name}")).state == "pending"
    await private_daemon.emptied()
