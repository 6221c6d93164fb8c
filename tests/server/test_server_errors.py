"""One error shape for whatever goes wrong, and the same class again on the other side (R112)."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engine_samples as samples
import httpx
import pytest
from engine_stub import StubEngine

from engine import errors
from engine.api import LogQuery
from engine.client import RemoteEngine
from engine.errors import EngineUnavailable, Invalid, InvalidGoalFile, NotFound, PilothouseError

PROBLEM = {"type", "title", "status", "detail", "code", "hint", "details"}
ANSWER = {"version": 1, "answer": "approve"}


def tree() -> Iterator[type[PilothouseError]]:
    """Every class of the tree that `engine.errors` draws; other modules may have added their own."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, PilothouseError):
            yield kind


async def test_r112_each_error_comes_back_as_itself(stub: StubEngine, remote: RemoteEngine) -> None:
    for kind in tree():
        stub.error = kind(samples.HARD, hint="do this", details={"state": "done", "rows": [1, None]})
        with pytest.raises(PilothouseError) as caught:
            await remote.task("t-1")
        error = caught.value
        assert type(error) is kind
        assert (error.message, error.hint) == (samples.HARD, "do this")
        assert error.details == {"state": "done", "rows": [1, None]}


async def test_the_status_tells_the_class(stub: StubEngine, http: httpx.AsyncClient) -> None:
    by_exit_code = {2: {400, 401, 403, 422}, 3: {404}, 4: {409}, 69: {503}, 1: {500}}
    for kind in tree():
        stub.error = kind("no")
        answer = await http.get("/v1/decisions")
        assert answer.status_code in by_exit_code[kind.exit_code], kind
        assert (answer.status_code == 422) == (kind is InvalidGoalFile)
        assert_problem(answer)


async def test_details_of_any_kind_become_plain_data(stub: StubEngine, http: httpx.AsyncClient) -> None:
    stub.error = NotFound("\udcff", details={"at": datetime(2026, 1, 2, tzinfo=UTC), "path": Path("/a"), "odd": object})
    problem = assert_problem(await http.get("/v1/status"))
    assert problem["details"]["path"] == "/a"
    assert problem["details"]["at"].startswith("2026-01-02")


async def test_r112_an_unexpected_error_shows_no_internals(
    stub: StubEngine, remote: RemoteEngine, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    stub.error = RuntimeError("the password is swordfish")
    answer = await http.get("/v1/sandboxes")
    assert answer.status_code == 500
    assert "swordfish" not in answer.text
    assert "Traceback" not in answer.text
    assert_problem(answer)
    assert "swordfish" in caplog.text  # the engine's own log has it
    with pytest.raises(PilothouseError, match="unexpected"):
        await remote.sandboxes()
    stub.error = None
    assert await remote.sandboxes()


BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b"{", {}, 400),
    (b"\xff\xfe", {}, 400),
    (b"[" * 100_000, {}, 400),
    (b'{"version": NaN, "answer": "approve"}', {}, 422),
    (b"", {}, 422),
    (b"null", {}, 422),
    (b"[]", {}, 422),
    (json.dumps(ANSWER | {"state": "answered"}).encode(), {}, 422),
    (json.dumps(ANSWER | {"version": "x" * 5000}).encode(), {}, 422),
    (json.dumps({"version": 1, "answer": "disapprove"}).encode(), {}, 422),
    (json.dumps({"version": 1, "answer": "reject", "feedback": " "}).encode(), {}, 422),
    (json.dumps(ANSWER).encode(), {"content-type": "text/plain"}, 422),
    (b'{"version": 1, "answer": "reject", "feedback": "\\ud800"}', {}, 422),
]
REFUSED = [
    ("GET", "/", 404),
    ("GET", "/v1", 404),
    ("GET", "/v1/nothing", 404),
    ("GET", "/v1/tasks/g-1/build", 404),  # a slash that is not quoted separates
    ("GET", "/v1/goals/../../etc/passwd", 404),
    ("DELETE", "/v1/goals/g-1", 405),
    ("GET", "/v1/goals/g-1/start", 405),
    ("GET", "/v1/events?after=-1", 422),
    ("GET", "/v1/events?after=x", 422),
    ("GET", "/v1/events?limit=100000000", 422),
    ("GET", "/v1/runs/r-1/logs?tail=-1", 422),
    ("GET", "/v1/runs/r-1/logs?stream=all", 422),
    ("GET", "/v1/runs/r-1/logs?search=x", 422),
    ("GET", "/v1/runs/r-1/logs?grep=(", 422),
    ("GET", "/v1/runs/r-1/logs?grep=" + "x" * 1001, 422),
    ("GET", "/v1/runs/r-1/logs?since=yesterday", 422),
    ("GET", "/v1/runs/r-1/logs?since=2030-01-31T12:00:00", 422),
    ("GET", "/v1/events/stream?after=x", 422),
]


async def test_r112_bad_input_is_refused_before_the_engine_sees_it(stub: StubEngine, http: httpx.AsyncClient) -> None:
    for body, headers, status in BODIES:
        headers = {"content-type": "application/json"} | headers
        answer = await http.post("/v1/decisions/d-1/answer", content=body, headers=headers)
        assert answer.status_code == status, body[:80]
        problem = assert_problem(answer)
        assert problem["code"] == "invalid"
        assert len(answer.content) < 2000  # what was sent is not echoed
    assert stub.calls == []


async def test_unknown_routes_and_values(stub: StubEngine, http: httpx.AsyncClient) -> None:
    for method, path, status in REFUSED:
        answer = await http.request(method, httpx.URL(path))
        assert answer.status_code == status, path
        assert_problem(answer)
    assert stub.calls == []


async def test_errors_of_streams_come_before_their_headers_or_as_an_event(
    stub: StubEngine, remote: RemoteEngine, http: httpx.AsyncClient
) -> None:
    stub.error = NotFound("no run is called 'r-9'", hint="look")
    assert (await http.get("/v1/runs/r-9/logs/stream")).status_code == 404
    for lines in (remote.follow("r-9", LogQuery()), remote.subscribe()):
        with pytest.raises(NotFound, match="r-9") as caught:
            await anext(aiter(lines))
        assert caught.value.hint == "look"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 418 I am\r\ncontent-length: 2\r\n\r\nhi", "418"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\n[]", "404"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n" + b'{"id": 3}', "does not fit: id"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "broke"),
        (b"SSH-2.0-OpenSSH\r\n", "broke"),
        (b"", "broke"),
    ],
)
async def test_what_is_no_engine_of_ours_is_said_so(answer: bytes, words: str, tmp_path: Path) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(speak, tmp_path / "s"):
        with pytest.raises(EngineUnavailable, match=words) as caught:
            await RemoteEngine.connect(f"unix:{tmp_path / 's'}")
        assert caught.value.hint


@pytest.mark.parametrize(
    "url", ["", "unix:", "unix", "/run/engine.sock", "http://", "http://h/p", "http://h:x", "tcp:"]
)
async def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="address"):
        await RemoteEngine.connect(url)


async def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none.sock", tmp_path / "no" / "folder.sock", tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(EngineUnavailable, match="no engine"):
            await RemoteEngine.connect(f"unix:{path}")


def assert_problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) == PROBLEM
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["type"] == f"urn:pilothouse:problem:{problem['code']}"
    return problem
