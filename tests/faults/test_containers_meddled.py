"""Containers that somebody else removes, kills or freezes, ends that nobody tells of, and what a stop leaves."""

import asyncio
import os
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest
from container_engine import HELD, PATIENCE, OpenEngine
from private_daemon import PrivateDaemon

from engine.api import LogQuery, StopMode
from engine.events import EventType
from engine.paths import ProjectPaths
from engine.sandbox.docker_streams import DaemonStreams

pytestmark = pytest.mark.docker

SHOWN = 5.0  # seconds until what happened behind our back is known


async def test_case_27_what_happens_behind_our_back_is_known_soon_and_starts_no_storm(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, infra_retries=1)
    tasks = {"removed": "echo up; exec sleep 600", "killed": "echo up; exec sleep 600", "frozen": f"echo up; {HELD}"}
    goal = await bench.goal(tasks)
    await bench.printed(goal, *tasks)
    runs = {name: await bench.engine.run(f"{goal}/{name}") for name in tasks}
    with private_daemon.client() as client:
        await asyncio.to_thread(client.pause, runs["frozen"].sandbox)
        await asyncio.to_thread(client.remove_container, runs["removed"].sandbox, force=True)
        await asyncio.to_thread(client.kill, runs["killed"].sandbox)
        async with asyncio.timeout(SHOWN):
            ended = await bench.until_type(EventType.RUN_ENDED, times=2)
        causes = {event.run: event.data["cause"] for event in ended}
        assert causes.pop(runs["removed"].id) in ("lost", "signal"), "a removal kills first; either may be seen"
        assert causes == {runs["killed"].id: "signal"}
        assert (await bench.states(goal))["frozen"] == "running", "frozen is not ended"
        await asyncio.to_thread(client.unpause, runs["frozen"].sandbox)
    bench.let_go(runs["frozen"].id)
    await bench.until(lambda event: event.type is EventType.RUN_ENDED and event.run == runs["frozen"].id)
    assert (await bench.states(goal))["frozen"] == "done"
    created = Counter(event.task for event in await bench.events(EventType.RUN_CREATED))
    assert created[runs["removed"].task] <= 2
    assert created[runs["killed"].task] == created[runs["frozen"].task] == 1


async def test_case_32_an_end_that_nobody_told_of_is_seen_by_looking(
    private_daemon: PrivateDaemon, open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(streams: DaemonStreams, container: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(DaemonStreams, "ended", silent)
    monkeypatch.setattr("engine.sandbox.docker_driver.RECHECK", 0.5)
    bench = await open_engine(private_daemon.host)
    goal = await bench.goal({"one": "exit 7"})
    (ended,) = await bench.until_type(EventType.RUN_ENDED)
    assert (ended.data["cause"], ended.data["exit_code"]) == ("exit", 7)
    assert (await bench.engine.task(f"{goal}/one")).state == "failed"


async def test_case_36_fifty_followers_of_a_live_log_leave_no_thread_and_no_file_open(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host)
    goal = await bench.goal({"one": "echo here; exec sleep 600"})
    await bench.printed(goal, "one")
    threads, files = threading.active_count(), _open_files()
    followers = [bench.engine.follow(f"{goal}/one", LogQuery()) for _ in range(50)]
    lines = await asyncio.gather(*(anext(follower) for follower in followers))
    assert {line.text for line in lines} == {"here"}
    waiting = [asyncio.ensure_future(anext(follower)) for follower in followers]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for follower in followers:
        await follower.aclose()  # type: ignore[attr-defined]  # a generator, as the protocol does not say
    assert threading.active_count() - threads <= 8, "at most the few that the loop keeps for files"
    assert _open_files() <= files + 8


async def test_r46_r97_a_stop_leaves_no_process_no_container_no_lock_and_no_live_row(
    private_daemon: PrivateDaemon, open_engine: OpenEngine, project: Path
) -> None:
    bench = await open_engine(private_daemon.host)
    marks = [f"{os.getpid()}{number}.25" for number in (1, 2)]
    stubborn = "trap '' TERM; setsid sh -c \"trap '' TERM; sleep {}\" & echo up; while :; do sleep 0.2; done"
    goal = await bench.goal({f"t{mark[-4]}": stubborn.format(mark) for mark in marks})
    await bench.printed(goal, "t1", "t2")
    async with asyncio.timeout(PATIENCE):
        while _sleeping(marks) != set(marks):  # noqa: ASYNC110  # what a command starts beside itself is no event
            await asyncio.sleep(0.05)
    await bench.engine.stop(StopMode.STOP)
    async with asyncio.timeout(10):
        await bench.engine.wait_stopped()
    assert set((await bench.states(goal)).values()) <= {"pending"}
    assert await bench.engine.sandboxes() == ()
    await bench.engine.close()
    assert private_daemon.containers() == []
    assert _sleeping(marks) == set()
    paths = ProjectPaths(project)
    assert not paths.lock.exists()
    assert not paths.socket.exists()
    assert list(paths.work.iterdir()) == []


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _sleeping(marks: list[str]) -> set[str]:
    """Which of these `sleep MARK` are processes of this machine."""
    found = {argument for process in psutil.process_iter(["cmdline"]) for argument in process.info["cmdline"] or ()}
    return found & set(marks)
