"""How containers end, and what the driver says of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from docker import APIClient

from engine.ids import SafeName
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.docker_ends import delivered_signals, exit_of, moment, needs_events

pytestmark = pytest.mark.docker
Start = Callable[..., Awaitable[SafeName]]


@pytest.fixture
def client(docker_host: str) -> Iterator[APIClient]:
    client = APIClient(base_url=docker_host, timeout=20)
    yield client
    client.close()


HOG = "python3 -c 'x = bytearray(300 << 20); print(len(x))'"


async def test_case_30_r48_memory_is_told_by_the_runtimes_flag(driver: DockerDriver, start: Start) -> None:
    ended = await driver.wait(await start(f"exec {HOG}", memory=32 << 20))
    assert (ended.oom, ended.code, ended.signal) == (True, 137, 9)
    assert ended.finished_at is not None
    assert ended.finished_at.tzinfo is not None


async def test_case_30_r48_a_clean_end_keeps_its_code_though_a_child_was_killed_by_memory(
    driver: DockerDriver, start: Start
) -> None:
    ended = await driver.wait(await start(f"{HOG}; exit 0", memory=32 << 20))
    assert (ended.code, ended.signal, ended.lost) == (0, None, False)


@pytest.mark.parametrize("code", [0, 7, 137, 143, 255])
async def test_case_30_r48_a_programs_own_exit_code_is_no_signal(code: int, driver: DockerDriver, start: Start) -> None:
    ended = await driver.wait(await start(f"exit {code}"))
    assert (ended.code, ended.signal, ended.oom, ended.lost) == (code, None, False, False)


async def test_r48_a_fault_is_its_signal(driver: DockerDriver, start: Start) -> None:
    ended = await driver.wait(await start("kill -SEGV $$"))
    assert (ended.code, ended.signal) == (139, 11)


async def test_case_30_r48_our_kill_and_a_strangers_are_signals(
    driver: DockerDriver, start: Start, client: APIClient
) -> None:
    ours, theirs = await start("sleep 60"), await start("sleep 60")
    await driver.kill(ours)
    await asyncio.to_thread(client.kill, theirs, "SIGKILL")
    for name in (ours, theirs):
        ended = await driver.wait(name)
        assert (ended.code, ended.signal, ended.oom) == (137, 9, False)


@pytest.mark.alone
async def test_case_31_r46_what_ignores_term_is_gone_within_grace_and_two_seconds(
    driver: DockerDriver, start: Start
) -> None:
    name = await start(
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done' & while :; do sleep 1; done"
    )
    first = await anext(driver.logs(name, None))
    assert first.data == b"ready\n"  # both ignore TERM from here on
    began = time.monotonic()
    await driver.stop(name, 1.0)
    assert 1.0 <= time.monotonic() - began < 3.0
    (owned,) = await driver.list_owned()
    assert not owned.running
    assert (await driver.wait(name)).signal == 9


async def test_stop_lets_a_program_end_by_itself(driver: DockerDriver, start: Start) -> None:
    name = await start("trap 'exit 4' TERM; echo ready; while :; do sleep 0.1; done")
    await anext(driver.logs(name, None))
    began = time.monotonic()
    await driver.stop(name, 20.0)
    assert time.monotonic() - began < 10
    ended = await driver.wait(name)
    assert (ended.code, ended.signal) == (4, None)
    await driver.stop(name, 1.0)


async def test_the_exit_code_is_there_when_nobody_watched(
    driver: DockerDriver, start: Start, client: APIClient, docker_host: str, engine_id: str, paths: ProjectPaths
) -> None:
    name = await start("exit 7")
    await asyncio.to_thread(client.wait, name)
    later = DockerDriver(docker_host, engine_id, paths)
    assert (await later.wait(name)).code == 7
    await later.close()


async def test_case_27_r42_a_container_removed_behind_our_back_is_lost(
    driver: DockerDriver, start: Start, client: APIClient
) -> None:
    name = await start("sleep 60")
    waiting = asyncio.create_task(driver.wait(name))
    await asyncio.sleep(0)
    await asyncio.to_thread(client.remove_container, name, force=True)
    ended = await asyncio.wait_for(waiting, 20)
    assert ended.lost or ended.code == 137  # the daemon may be caught between killing and removing it
    assert (await driver.wait(name)).lost


async def test_a_paused_container_has_not_ended_and_can_be_stopped(
    driver: DockerDriver, start: Start, client: APIClient
) -> None:
    name = await start("sleep 60")
    await asyncio.to_thread(client.pause, name)
    (owned,) = await driver.list_owned()
    assert owned.running
    await driver.stop(name, 0.2)
    assert (await driver.wait(name)).signal in (9, 15)


def test_signals_are_read_from_events_by_number_and_name() -> None:
    def event(signal: str, action: str = "kill") -> dict[str, object]:
        return {"Action": action, "Actor": {"Attributes": {"signal": signal}}}

    assert delivered_signals([event("9"), event("SIGTERM"), event("HUP"), event("2", "die")]) == {9, 15, 1}


def test_only_an_ambiguous_code_needs_the_daemons_memory() -> None:
    asks = [code for code in range(256) if needs_events({"ExitCode": code})]
    assert {129, 130, 137, 143} < set(asks)
    assert not {0, 1, 127, 128, 134, 139, 255} & set(asks)
    assert not needs_events({"ExitCode": 137, "OOMKilled": True})


def test_times_of_the_daemon_keep_their_zone_and_zero_is_none() -> None:
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment(None) is None
    assert moment("nonsense") is None
    found = moment("2026-03-01T12:00:00.123456789Z")
    assert found is not None
    assert (found.microsecond, found.utcoffset()) == (123456, found.utcoffset())
    assert exit_of({"Status": "created", "Error": "no such file"}).error == "no such file"
