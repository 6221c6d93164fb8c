"""No daemon, one that refuses, one that never answers; and what must never reach one."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import DaemonUnavailable, Invalid, OutcomeUnknown, PilothouseError, Unavailable
from engine.ids import SafeName
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox import docker_calls, docker_containers, docker_driver
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.driver import Mount, SandboxSpec

NAME = SafeName("ph-abcdefgh-r-0123456789")
MakeSpec = Callable[..., SandboxSpec]
Verb = Callable[[DockerDriver, SandboxSpec], Awaitable[object]]

VERBS: dict[str, Verb] = {
    "check": lambda driver, spec: driver.check(),
    "require_image": lambda driver, spec: driver.require_image("x:1"),
    "start": lambda driver, spec: driver.start(spec),
    "stop": lambda driver, spec: driver.stop(spec.name, 0.1),
    "kill": lambda driver, spec: driver.kill(spec.name),
    "remove": lambda driver, spec: driver.remove(spec.name),
    "exec": lambda driver, spec: driver.exec(spec.name, ["true"]),
    "list_owned": lambda driver, spec: driver.list_owned(),
}


@asynccontextmanager
async def opened(host: str, paths: ProjectPaths) -> AsyncIterator[DockerDriver]:
    driver = DockerDriver(host, "e-0123456789", paths)
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def listening(path: Path, answer: bytes | None) -> AsyncIterator[list[bytes]]:
    """A socket that records what it is sent and answers so, or never."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                heard.append(data)
                if answer is not None:
                    writer.write(answer)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield heard
    finally:
        server.close()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.alone
async def test_r44_no_daemon_is_a_quick_typed_error_with_advice(
    verb: str, paths: ProjectPaths, make_spec: MakeSpec
) -> None:
    async with opened(f"unix://{paths.root}/nothing.sock", paths) as driver:
        await _load_library(driver)
        began = time.monotonic()
        with pytest.raises(DaemonUnavailable, match="no container daemon answers") as caught:
            await VERBS[verb](driver, make_spec())
        assert time.monotonic() - began < 1
        assert "--runtime process" in caught.value.hint


async def test_r44_a_socket_nobody_listens_on_is_the_same_error(paths: ProjectPaths) -> None:
    path = paths.root / "dead.sock"
    async with listening(path, None):
        pass
    path.touch()
    async with opened(f"unix://{path}", paths) as driver:
        with pytest.raises(DaemonUnavailable):
            await driver.list_owned()


async def test_r44_a_socket_that_refuses_us_says_permission(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(calls: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(docker_calls.DaemonCalls, "_probe", refuse)
    async with opened(f"unix://{paths.root}/d.sock", paths) as driver:
        with pytest.raises(DaemonUnavailable, match="permission denied") as caught:
            await driver.check()
        assert "group" in caught.value.hint


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.alone
async def test_r44_a_black_hole_ends_within_the_deadline(
    verb: str, paths: ProjectPaths, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((docker_calls, "CALL"), (docker_driver, "PING"), (docker_containers, "CREATE")):
        monkeypatch.setattr(module, name, 0.2)
    monkeypatch.setattr(docker_calls.DaemonCalls.call, "__kwdefaults__", {"deadline": 0.2, "changes": False})
    async with listening(paths.root / "hole.sock", None), opened(f"unix://{paths.root}/hole.sock", paths) as driver:
        await _load_library(driver)
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await VERBS[verb](driver, make_spec())
        assert time.monotonic() - began < 1.5
        assert isinstance(caught.value, DaemonUnavailable | OutcomeUnknown)


async def test_r44_a_call_that_changes_something_and_times_out_has_an_unknown_outcome(
    paths: ProjectPaths, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_containers, "CREATE", 0.2)
    monkeypatch.setattr(docker_calls.DaemonCalls, "_ask_version", lambda calls: "1.41")
    async with listening(paths.root / "hole.sock", None), opened(f"unix://{paths.root}/hole.sock", paths) as driver:
        with pytest.raises(OutcomeUnknown):
            await driver.start(make_spec())


@pytest.mark.alone
async def test_r44_calls_behind_eight_hanging_ones_give_up_too(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_calls, "QUEUE", 0.1)
    monkeypatch.setattr(docker_calls.DaemonCalls.call, "__kwdefaults__", {"deadline": 0.4, "changes": False})
    monkeypatch.setattr(docker_calls.DaemonCalls, "_ask_version", lambda calls: "1.41")
    async with listening(paths.root / "hole.sock", None), opened(f"unix://{paths.root}/hole.sock", paths) as driver:
        await _load_library(driver)
        began = time.monotonic()
        outcomes = await asyncio.gather(*(driver.list_owned() for _ in range(24)), return_exceptions=True)
        assert time.monotonic() - began < 2
        assert {type(outcome) for outcome in outcomes} == {DaemonUnavailable}


async def test_r42_waiting_outlasts_a_daemon_that_is_away(paths: ProjectPaths) -> None:
    async with opened(f"unix://{paths.root}/nothing.sock", paths) as driver:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await driver.wait(NAME)


@pytest.mark.parametrize("status", [b"500 Oops", b"418 Teapot"])
async def test_r44_a_daemon_that_fails_is_a_typed_error(status: bytes, paths: ProjectPaths) -> None:
    answer = b"HTTP/1.1 " + status + b'\r\nContent-Length: 18\r\n\r\n{"message":"oops"}'
    async with listening(paths.root / "d.sock", answer), opened(f"unix://{paths.root}/d.sock", paths) as driver:
        with pytest.raises(PilothouseError) as caught:
            await driver.list_owned()
        assert isinstance(caught.value, DaemonUnavailable)


HOSTILE = ["../volumes/x", "a/b", "a?force=1", "a%2fb", "", "a b", "x" * 200, "a\r\nX: y", "..", "-a", "naïve"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_case_23_r45_the_daemon_never_hears_a_hostile_name(
    name: str, paths: ProjectPaths, make_spec: MakeSpec
) -> None:
    async with (
        listening(paths.root / "d.sock", b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n") as heard,
        opened(f"unix://{paths.root}/d.sock", paths) as driver,
    ):
        spec = replace(make_spec(), name=SafeName(name))
        calls = [VERBS[verb] for verb in ("start", "stop", "kill", "remove", "exec")]
        calls += [lambda driver, spec: driver.wait(spec.name), _first_chunk]
        for call in calls:
            with pytest.raises(Invalid):
                await call(driver, spec)
        assert heard == []


async def test_r45_the_daemon_never_hears_of_a_refused_mount_or_network(
    paths: ProjectPaths, make_spec: MakeSpec
) -> None:
    async with (
        listening(paths.root / "d.sock", b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n") as heard,
        opened(f"unix://{paths.root}/d.sock", paths) as driver,
    ):
        for refused in (
            make_spec(network="host"),
            make_spec(network="bridge"),
            make_spec(mounts=(Mount(Path("/var/run/docker.sock"), "/x"),)),
            make_spec(mounts=(Mount(Path("/"), "/x"),)),
        ):
            with pytest.raises(Invalid):
                await driver.start(refused)
        assert heard == []


@pytest.mark.parametrize(
    "host", ["tcp://127.0.0.1:2375", "ssh://host", "unix://", "unix://relative", "/run/d.sock", ""]
)
def test_only_unix_sockets_are_daemon_addresses(host: str, paths: ProjectPaths) -> None:
    with pytest.raises(Invalid, match="docker_host"):
        DockerDriver(host, "e-0123456789", paths)


def test_the_driver_loads_no_client_library_before_it_is_used(run_python: Callable[[str], str]) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.paths import ProjectPaths\n"
        "from engine.sandbox.docker_driver import DockerDriver\n"
        "DockerDriver('unix:///x.sock', 'e-0123456789', ProjectPaths(Path('/x')))\n"
        "print(sorted({'docker', 'httpx', 'requests', 'urllib3'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_the_driver_names_itself(paths: ProjectPaths) -> None:
    driver = DockerDriver("unix:///x.sock", "e-0123456789", paths)
    assert driver.name is DriverName.DOCKER
    assert driver.work_folder("r-0123456789") == paths.run_work("r-0123456789")
    assert os.path.commonpath([driver.work_folder("r-0123456789"), paths.state]) == str(paths.state)


async def _load_library(driver: DockerDriver) -> None:
    """Load docker-py once, so that a deadline measures the daemon and not an import."""
    await asyncio.to_thread(__import__, "docker")


async def _first_chunk(driver: DockerDriver, spec: SandboxSpec) -> None:
    async for _ in driver.logs(spec.name, None):
        return


def test_a_socket_that_could_not_connect_is_closed(
    tmp_path: Path, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon may go between the look whether it is there and the call itself; a socket left over would be an error
    of this test."""
    monkeypatch.setattr(docker_calls.DaemonCalls, "_probe", lambda _: None)
    monkeypatch.setattr(docker_calls.DaemonCalls, "_ask_version", lambda _: docker_calls.OLDEST_API)

    async def refused() -> None:
        async with opened(f"unix://{tmp_path}/none.sock", paths) as driver:
            with pytest.raises(DaemonUnavailable):
                await driver.list_owned()

    asyncio.run(refused())
    gc.collect()  # with no loop that it could hold: what the tests before left is collected too
