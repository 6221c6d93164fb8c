"""How the server starts, refuses and ends: bounded, honest, without taking the process's signals (R98)."""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from engine_stub import StubEngine

from engine.api import CreateGoal, LogQuery, StopMode
from engine.client import RemoteEngine
from engine.errors import EngineUnavailable, Unavailable
from engine.server import control, serve
from engine.server.door import BODY_LIMIT


@pytest.mark.alone
async def test_r98_open_streams_end_promptly_with_the_server(stub: StubEngine, tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    stub.emit()
    ended: list[str] = []

    async def read(name: str, stream: AsyncIterator[object], open_: asyncio.Event) -> None:
        try:
            async for _ in stream:
                open_.set()
        except EngineUnavailable:
            ended.append(name)

    async with asyncio.TaskGroup() as group:
        async with serve(stub, path):
            remote = await RemoteEngine.connect(f"unix:{path}")
            for name, stream in (("events", remote.subscribe(0)), ("lines", remote.follow("r-1", LogQuery()))):
                opened = asyncio.Event()
                group.create_task(read(name, stream, opened))
                await opened.wait()
            before = time.monotonic()
        assert time.monotonic() - before < 1
    assert sorted(ended) == ["events", "lines"]
    assert (stub.subscribers, stub.followers) == (0, 0)
    assert not path.exists()
    await remote.close()


@pytest.mark.alone
@pytest.mark.allow_blocking("a collection of all garbage is its last step")
async def test_r98_readers_that_do_not_read_and_calls_that_hang_do_not_hold_it(tmp_path: Path) -> None:
    stub, path = StubEngine(), tmp_path / "engine.sock"
    for _ in range(2000):
        stub.emit(text="x" * 1000)
    hangs, called = asyncio.Event(), asyncio.Event()

    async def hang(ref: str) -> None:
        called.set()
        await hangs.wait()

    stub.task = hang  # type: ignore[assignment, method-assign]
    async with serve(stub, path):
        writers = []
        for target in ("events/stream?after=0", "tasks/t-1"):
            reader, writer = await asyncio.open_unix_connection(path, limit=1024)
            writer.write(f"GET /v1/{target} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            writers.append(writer)
            if "stream" in target:
                await reader.readuntil(b"\r\n\r\n")
        _, half = await asyncio.open_unix_connection(path)
        half.write(b"POST /v1/goals HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        await called.wait()
        before = time.monotonic()
    assert time.monotonic() - before < 2
    for writer in (*writers, half):
        writer.close()
    gc.collect()  # a transport left open would warn


async def test_a_call_under_way_is_answered_before_the_server_ends(tmp_path: Path) -> None:
    stub, path = StubEngine(), tmp_path / "engine.sock"
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly(mode: object) -> None:
        asked.set()
        await answer.wait()

    stub.stop = slowly  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group, serve(stub, path):
        remote = await RemoteEngine.connect(f"unix:{path}")
        stopping = group.create_task(remote.stop(StopMode.STOP))
        await asked.wait()
        asyncio.get_running_loop().call_later(0.2, answer.set)
    await stopping
    await remote.close()


async def test_a_server_that_dies_ends_its_context_with_an_error(
    stub: StubEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dead = asyncio.Event()

    async def die(_self: object) -> None:
        await dead.wait()
        raise OSError("out of descriptors")

    monkeypatch.setattr(control.ControlServer, "main_loop", die)

    async def body() -> None:
        async with serve(stub, tmp_path / "engine.sock"):
            dead.set()
            await asyncio.Event().wait()

    with pytest.raises(Unavailable, match="out of descriptors") as caught:
        await body()
    assert caught.value.hint
    assert "control-api died" in caplog.text
    assert not (tmp_path / "engine.sock").exists()
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_cancelling_the_body_is_still_a_cancellation(stub: StubEngine, tmp_path: Path) -> None:
    inside = asyncio.Event()

    async def body() -> None:
        async with serve(stub, tmp_path / "engine.sock"):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(body())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (tmp_path / "engine.sock").exists()


async def test_an_error_of_the_body_passes_through_unwrapped(stub: StubEngine, tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        async with serve(stub, tmp_path / "engine.sock"):
            raise LookupError


async def test_signals_stay_with_the_process(stub: StubEngine, tmp_path: Path) -> None:
    def handlers() -> list[object]:
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    before = handlers()
    async with serve(stub, tmp_path / "engine.sock"):
        assert handlers() == before
    assert handlers() == before


async def test_the_engine_is_ready_only_while_it_starts_work(stub: StubEngine, http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/health")).json() == {"status": "ok", "parts": {"store": "ok"}}
    assert (await http.get("/v1/ready")).status_code == 200
    assert (await http.get("/v1/version")).json() == {"version": "0.1.0", "api": "v1", "engine": "e-0000000000"}
    stub.state = "draining"
    answer = await http.get("/v1/ready")
    assert answer.status_code == 503
    assert "draining" in answer.json()["detail"]
    assert (await http.get("/v1/health")).status_code == 200


async def test_r114_foreign_hosts_and_origins_are_refused_before_routing(
    stub: StubEngine, http: httpx.AsyncClient
) -> None:
    for headers in ({"host": "evil.example"}, {"host": "localhost.evil.example:80"}, {"origin": "http://localhost"}):
        for path in ("/v1/status", "/nothing", "/openapi.json"):
            answer = await http.get(path, headers=headers)
            assert answer.status_code == 403
            assert answer.json()["code"] == "invalid"
            assert not [name for name in answer.headers if name.startswith("access-control")]
    assert stub.calls == []
    for host in ("localhost", "LOCALHOST:8080", "127.0.0.1:9", "[::1]:80", "[::1]"):
        assert (await http.get("/v1/status", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [BODY_LIMIT + 1, 12_000_000])
async def test_case_50_an_oversize_body_is_413(
    chunked: bool, size: int, stub: StubEngine, http: httpx.AsyncClient
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, size, 100_000):
            yield b"x" * min(100_000, size - start)

    headers = {"content-type": "application/json"} | ({} if chunked else {"content-length": str(size)})
    answer = await http.post("/v1/goals", content=body(), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["code"] == "invalid"
    assert stub.calls == []
    assert (await http.get("/v1/health")).status_code == 200


@pytest.mark.alone
async def test_case_50_many_slow_connections_hold_nobody_up(socket: Path, remote: RemoteEngine) -> None:
    writers = []
    for _ in range(300):
        _, writer = await asyncio.open_unix_connection(socket)
        writer.write(b"POST /v1/goals HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99")
        writers.append(writer)
    before = time.monotonic()
    assert await remote.sandboxes()
    assert time.monotonic() - before < 1
    for writer in writers:
        writer.close()


async def test_a_large_goal_still_fits(stub: StubEngine, remote: RemoteEngine) -> None:
    request = CreateGoal(source="#" + "x" * 1_999_990)
    await remote.create_goal(request)
    assert ("create_goal", request) in stub.calls


def test_serving_loads_the_framework_late(run_python: Callable[[str], str]) -> None:
    code = """
import sys, engine.server, engine.client
print([name for name in ("fastapi", "uvicorn", "starlette", "httpx", "textual", "rich") if name in sys.modules])
"""
    assert run_python(code) == "[]"
