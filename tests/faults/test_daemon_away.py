"""A daemon that is not there, dies or hangs while containers run: nothing is lost, nothing made twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from container_engine import HELD, OpenEngine
from private_daemon import PrivateDaemon

from engine.errors import DaemonUnavailable
from engine.events import EventType
from engine.sandbox import docker_streams
from engine.sandbox.docker_calls import CALL, DaemonCalls
from engine.settings import Settings
from tui.app import make_app
from ui.steering import WIDE, Seat

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


async def test_case_24_the_screen_starts_without_a_daemon_says_so_and_recovers(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    await asyncio.to_thread(private_daemon.kill)
    bench = await open_engine(private_daemon.host, reconcile_interval=0.2)
    app = make_app(bench.engine, settings=Settings(), blink=False)
    async with app.run_test(size=WIDE) as pilot:
        engine: Any = bench.engine
        seat = Seat(app, pilot, engine)
        await seat.shows("no container daemon answers")
        await asyncio.to_thread(private_daemon.start)
        goal = await bench.goal({"one": "echo here; exit 0"})
        await bench.until_type(EventType.GOAL_ENDED)
        await seat.until(lambda: "no container daemon" not in seat.text)
        assert app.is_running
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


SHORT, LONG = 6.0, 20.0  # seconds a daemon is frozen
AT_ONCE = 1.0  # seconds an answer takes at most
BESIDE = CALL / 2  # the same while other tests run beside it: one that waits for the daemon takes a whole deadline


@pytest.fixture
def deadlines(frozen: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shorter freeze runs into the deadlines of single calls as well: they are shorter in the same measure."""
    if frozen < LONG:
        monkeypatch.setitem(DaemonCalls.call.__kwdefaults__, "deadline", CALL * frozen / LONG)
        monkeypatch.setattr(docker_streams, "CALL", CALL * frozen / LONG)


@pytest.mark.parametrize(
    ("frozen", "bound"), [pytest.param(SHORT, AT_ONCE, marks=pytest.mark.alone), (LONG, BESIDE)], ids=["6s", "20s"]
)
@pytest.mark.usefixtures("deadlines")
async def test_case_26_a_frozen_daemon_holds_no_answer_and_nothing_is_made_twice(
    private_daemon: PrivateDaemon, open_engine: OpenEngine, frozen: float, bound: float
) -> None:
    bench = await open_engine(private_daemon.host, max_parallel=2)
    goal = await bench.goal({"first": f"echo up; {HELD}", "second": f"echo up; {HELD}", "third": "sleep 0.2"})
    await bench.printed(goal, "first", "second")
    runs = [(await bench.engine.run(f"{goal}/{name}")).id for name in ("first", "second")]
    with private_daemon.frozen():
        bench.let_go(*runs)  # they end, and the daemon says nothing
        pause = asyncio.create_task(asyncio.sleep(frozen))
        slowest = await bench.slowest_answer(goal, pause)
        assert set((await bench.states(goal)).values()) <= {"running", "pending", "claimed"}, "silence is no end"
    await bench.until_type(EventType.GOAL_ENDED)
    assert slowest < bound
    assert await bench.events(EventType.ENGINE_DEGRADED), "calls ran into their deadlines, and that was told"
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
