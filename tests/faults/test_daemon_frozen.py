"""A daemon that hangs while it is to make a sandbox, or while an operator wants one to end (R19, R20, R42)."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from container_engine import ContainerEngine, OpenEngine
from private_daemon import PrivateDaemon

from engine.api import StopMode
from engine.events import EventType
from engine.sandbox import docker_containers
from engine.sandbox.docker_containers import Containers

pytestmark = pytest.mark.docker

DEADLINE = 0.5  # seconds a daemon that hangs is waited for in these tests
HANGS = 2.0  # seconds it hangs


@pytest.mark.parametrize("step", ["create", "start"])
async def test_case_26_a_start_nobody_knows_the_end_of_makes_no_second_sandbox(
    step: str, private_daemon: PrivateDaemon, open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    thawing: list[asyncio.Task[None]] = []
    original = getattr(Containers, {"create": "start", "start": "_run"}[step])

    async def thaw_later() -> None:
        with private_daemon.frozen():
            await asyncio.sleep(HANGS)

    async def hanging(containers: Containers, *args: Any) -> Any:
        if thawing:
            return await original(containers, *args)
        thawing.append(asyncio.create_task(thaw_later()))
        await asyncio.sleep(0)
        with monkeypatch.context() as impatient:
            impatient.setattr(docker_containers, step.upper(), DEADLINE)
            return await original(containers, *args)

    monkeypatch.setattr(Containers, original.__name__, hanging)
    bench = await open_engine(private_daemon.host, reconcile_interval=0.2)
    goal = await bench.goal({"one": "echo up; sleep 0.5; echo done"})
    await bench.until_type(EventType.GOAL_ENDED)
    await private_daemon.emptied()
    assert (await bench.engine.task(f"{goal}/one")).state == "done"
    assert await most_alive(bench, private_daemon) == 1
    assert "lost" not in {event.data["cause"] for event in await bench.events(EventType.RUN_ENDED)}


async def most_alive(bench: ContainerEngine, daemon: PrivateDaemon) -> int:
    """How many containers of this engine the daemon has had at work at one time."""
    engine = (await bench.engine.info()).id

    def history() -> list[Mapping[str, Any]]:
        with daemon.client() as client:
            label = f"pilothouse.engine={engine}"
            return list(client.events(since=0, until=int(time.time()) + 1, decode=True, filters={"label": label}))

    alive = most = 0
    for event in await asyncio.to_thread(history):
        alive += {"start": 1, "die": -1}.get(event["Action"], 0)
        most = max(most, alive)
    return most


async def test_r98_a_stop_ends_in_time_though_the_daemon_hangs_and_the_next_engine_goes_on(
    private_daemon: PrivateDaemon, open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.local.engine.STOP_MARGIN", DEADLINE)
    first = await open_engine(private_daemon.host)
    goal = await first.goal({"one": "trap '' TERM; echo up; sleep 5; exit 7"})
    await first.printed(goal, "one")
    with private_daemon.frozen():
        await first.engine.stop(StopMode.STOP)
        async with asyncio.timeout(5):
            await first.engine.wait_stopped()
        assert (await first.engine.info()).live_runs == 1, "an end that nobody saw is not stored"
        async with asyncio.timeout(5):
            await first.engine.close()
    second = await open_engine(private_daemon.host)
    (ended,) = await second.until_type(EventType.RUN_ENDED)
    assert (ended.data["cause"], ended.data["exit_code"]) == ("exit", 7)
    assert len(await second.events(EventType.RUN_CREATED)) == 1


async def test_r101_a_cancel_while_the_daemon_hangs_is_stored_at_once_and_carried_out_later(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host)
    goal = await bench.goal({"one": "echo up; exec sleep 600"})
    await bench.printed(goal, "one")
    with private_daemon.frozen():
        async with asyncio.timeout(1):
            await bench.engine.cancel(goal, "enough")
        assert (await bench.states(goal))["one"] == "running", "what could not be ended yet is not said to have ended"
    await bench.until_type(EventType.GOAL_ENDED)
    assert (await bench.states(goal))["one"] == "cancelled"
    assert [event.data["cause"] for event in await bench.events(EventType.RUN_ENDED)] == ["cancelled"]
    await private_daemon.emptied()
