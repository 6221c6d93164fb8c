"""The TCP door: tokens, roles, hosts, rates and slow strangers (HARDENING cases 50 and 51, R111, R114, R116)."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import engine_samples as samples
import httpx
import pytest
import pytest_asyncio
from engine_stub import StubEngine
from tcp_door import OPERATOR, READER, Doors, both_doors

from engine.client import RemoteEngine
from engine.errors import EngineUnavailable, Invalid, Refused, Unavailable
from engine.private import issue_token, read_tokens
from engine.server import Listen, Role, TcpDoor, TokenFile, connections, control, parse_listen, serve
from engine.server.door import BODY_LIMIT
from engine.server.limits import CLIENTS, RateLimit

ANSWER = {"version": 1, "answer": "approve"}
OWN_PROOF = ("/v1/webhooks/", "/v1/callbacks/")  # a signature or a gate's own token stands in for the bearer's
READING = ("GET", "HEAD")


@pytest_asyncio.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    async with both_doors(tmp_path) as opened:
        yield opened


def asserted(answer: httpx.Response, status: int) -> httpx.Response:
    """Every refusal is a problem document, and never opens a door to a page of another origin."""
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    assert not [name for name in answer.headers if name.startswith("access-control")]
    return answer


async def test_case_50_no_token_a_wrong_one_and_one_in_the_query_are_401(doors: Doors) -> None:
    for token in (None, "x", "x" * 40, OPERATOR[:-1], OPERATOR + "o", "\xff" * 20):
        proof = {} if token is None else {"authorization": f"Bearer {token}".encode("latin-1")}
        async with httpx.AsyncClient(base_url=doors.url, trust_env=False) as http:
            for path in ("/v1/status", "/nothing", "/openapi.json", "/v1/health"):
                answer = asserted(await http.get(path, headers=proof), 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert answer.json()["code"] == "refused"
    async with doors.client(None) as http:
        asserted(await http.get("/v1/status", headers={"authorization": f"Basic {OPERATOR}"}), 401)
    async with doors.client() as http:
        for name in ("token", "access_token", "TOKEN", "authorization"):
            asserted(await http.get("/v1/status", params={name: OPERATOR}), 401)  # even beside a good header
        assert doors.stub.calls == []
        asserted(await http.get("/v1/status"), 200)


async def test_case_50_a_large_body_is_413_and_no_json_is_400(doors: Doors) -> None:
    async with doors.client() as http:
        for body in (b"x" * 10_000_000, b"x" * (BODY_LIMIT + 1)):
            asserted(await http.post("/v1/goals", content=body), 413)
        headers = {"content-type": "application/json"}
        asserted(await http.post("/v1/goals", content=b'{"source": ', headers=headers), 400)
    assert doors.stub.calls == []


@pytest.mark.alone
async def test_case_50_a_thousand_slow_connections_hold_nobody_up(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    slow: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    own = await RemoteEngine.connect(f"unix:{doors.socket}")
    try:
        for _ in range(1000):
            one = socket.socket()
            one.setblocking(False)
            slow.append(one)
            await loop.sock_connect(one, ("127.0.0.1", doors.port))
            await loop.sock_sendall(one, b"POST /v1/goals HTTP/1.1\r\nhost: localhost\r\ncontent-le")
        before = time.monotonic()
        assert await own.sandboxes()
        assert time.monotonic() - before < 1
        remote = await RemoteEngine.connect(doors.url, OPERATOR)
        assert await remote.sandboxes()  # strangers who come to the point get their turn, too
        await remote.close()
        kept = sum(not _ended(one) for one in slow)
        assert kept <= connections.MOST
    finally:
        await own.close()
        for one in slow:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _ended(one: socket.socket) -> bool:
    """Whether the other side has closed it."""
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def test_case_50_a_head_or_a_body_that_does_not_come_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.server.connections.HEAD_TIME", 0.2)
    monkeypatch.setattr("engine.server.door.BODY_TIME", 0.2)
    async with both_doors(tmp_path) as doors:
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
        writer.write(b"GET /v1/status HTTP/1.1\r\nhost: local")
        with suppress(ConnectionResetError):  # an end either way, and no word before it
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
        head = (
            f"POST /v1/goals HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OPERATOR}\r\ncontent-length: 9\r\n"
        )
        writer.write(f"{head}content-type: application/json\r\n\r\n{{".encode())
        assert b" 408 " in (await reader.readline())
        writer.close()
        assert doors.stub.calls == []


async def test_case_51_a_foreign_host_or_origin_is_403_before_routing(doors: Doors) -> None:
    async with doors.client() as http:
        for headers in ({"host": "evil.example"}, {"host": f"evil.example:{doors.port}"}, {"origin": doors.url}):
            for path in ("/v1/status", "/nothing", "/openapi.json"):
                asserted(await http.get(path, headers=headers), 403)
            asserted(await http.options("/v1/status", headers=headers), 403)
        assert doors.stub.calls == []
        for host in ("localhost", f"127.0.0.1:{doors.port}", socket.gethostname()):
            asserted(await http.get("/v1/status", headers={"host": host}), 200)


async def test_r114_a_reader_changes_nothing_through_any_route(doors: Doors) -> None:
    async with doors.client(READER) as http:
        schema = asserted(await http.get("/openapi.json"), 200).json()
        changing = 0
        for path, operations in schema["paths"].items():
            for method in operations:
                target = path.replace("{ref}", samples.GOAL.id)
                if method.upper() in READING:
                    if "stream" not in path:
                        assert (await http.request(method, target)).status_code not in (401, 403)
                elif not path.startswith(OWN_PROOF):
                    changing += 1
                    asserted(await http.request(method, target, json=ANSWER), 403)
        assert changing > 15
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"):
            asserted(await http.request(method, "/v1/status"), 403)
    commands = {"create_goal", "start_goal", "cancel", "answer", "undo", "order_goal", "retry", "skip", "stop", "gc"}
    assert not commands & {str(call[0]) for call in doors.stub.calls}


async def test_r116_a_token_taken_out_of_its_file_is_refused(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.server.tokens.FRESH", 0.0)
    async with doors.client(READER) as reader, doors.client() as operator:
        asserted(await reader.get("/v1/status"), 200)
        doors.readers.write_text("another " + "n" * 30 + "\n")
        asserted(await reader.get("/v1/status"), 401)
        asserted(await operator.get("/v1/status"), 200)
        doors.tokens.chmod(0o644)  # no longer private: nobody gets in by it
        asserted(await operator.get("/v1/status"), 401)


async def test_a_caller_that_asks_too_often_is_told_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(control, "RateLimit", lambda _monotonic: RateLimit(lambda: clock[0], rate=0.5, burst=3))
    async with both_doors(tmp_path) as doors, doors.client() as http, doors.client(READER) as other:
        for _ in range(3):
            asserted(await http.get("/v1/status"), 200)
        answer = asserted(await http.get("/v1/status"), 429)
        assert answer.headers["retry-after"] == "2"
        asserted(await other.get("/v1/status"), 200)  # each caller has a rate of its own
        async with doors.client("x" * 40) as stranger:
            assert [(await stranger.get("/v1/status")).status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        with pytest.raises(Unavailable, match="too many"):
            await RemoteEngine.connect(doors.url, OPERATOR)
        clock[0] = 2.0
        asserted(await http.get("/v1/status"), 200)


def test_the_table_of_callers_is_bounded() -> None:
    rate = RateLimit(lambda: 0.0)
    for number in range(3 * CLIENTS):
        rate.wait(f"@{number}")
    assert len(rate) == CLIENTS


async def test_an_engine_is_steered_over_tcp_and_its_stream_resumes(doors: Doors) -> None:
    for _ in range(3):
        doors.stub.emit()
    remote = await RemoteEngine.connect(doors.url, OPERATOR)
    assert (await remote.start_goal(samples.GOAL.id)).id == samples.GOAL.id
    async with aclosing(remote.subscribe(1)) as updates:
        assert [(await anext(updates)).seq, (await anext(updates)).seq] == [2, 3]  # type: ignore[union-attr]
    await remote.close()
    async with (
        doors.client() as http,
        http.stream("GET", "/v1/events/stream?after=0", headers={"last-event-id": "2"}) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "id: 3"
    await asyncio.wait_for(doors.stub.idle.wait(), 5)


async def test_a_wrong_token_is_refused_by_name_and_a_dead_port_is_no_engine(doors: Doors) -> None:
    for token in (None, "x" * 40):
        with pytest.raises(Refused) as refused:
            await RemoteEngine.connect(doors.url, token)
        assert refused.value.hint
        assert refused.value.status == 401
    with pytest.raises(Invalid, match="no token"):
        await RemoteEngine.connect(doors.url, "two words")
    with pytest.raises(Invalid, match="address"):
        await RemoteEngine.connect(doors.url.replace("//", "//me:secret@"), None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EngineUnavailable, match="no engine"):
            await RemoteEngine.connect(f"http://127.0.0.1:{taken.getsockname()[1]}", OPERATOR)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
async def test_r116_a_token_file_that_others_may_open_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(OPERATOR)
    path.chmod(mode)
    door = TcpDoor(Listen("127.0.0.1", 0), [TokenFile(path, Role.OPERATOR)])
    with pytest.raises(Invalid, match="open to others"):
        async with serve(StubEngine(), tmp_path / "engine.sock", door):
            pass


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", "a b " + OPERATOR, "x" * 70_000], ids=range(5))
def test_a_token_file_without_a_token_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(Invalid, match="token"):
        read_tokens(path)
    with pytest.raises(Invalid, match="no file"):
        read_tokens(tmp_path)
    with pytest.raises(Invalid, match="cannot be read"):
        read_tokens(tmp_path / "none")


def test_r116_a_token_that_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        issue_token(tmp_path / "api.token")
    finally:
        os.umask(mask)
    assert (tmp_path / "api.token").stat().st_mode & 0o777 == 0o600
    [line] = read_tokens(tmp_path / "api.token")
    issue_token(tmp_path / "api.token")  # one that is there stays
    assert read_tokens(tmp_path / "api.token")[0] == line


def test_an_address_to_listen_on_is_parsed() -> None:
    assert parse_listen("127.0.0.1:80") == Listen("127.0.0.1", 80)
    assert parse_listen(":80") == Listen("127.0.0.1", 80)
    assert str(parse_listen("[::1]:80")) == "[::1]:80"
    assert [parse_listen(f"{host}:1").local for host in ("localhost", "127.9.9.9", "[::1]", "0.0.0.0", "box")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    for text in ("", "80", "host", "host:", "host:99999", "ho st:1", "http://h:1", "::1:80"):
        with pytest.raises(Invalid, match="address"):
            parse_listen(text)


async def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text(OPERATOR)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        door = TcpDoor(Listen("127.0.0.1", taken.getsockname()[1]), [TokenFile(path, Role.OPERATOR)])
        with pytest.raises(Invalid, match="cannot listen"):
            async with serve(StubEngine(), tmp_path / "engine.sock", door):
                pass
    assert not (tmp_path / "engine.sock").exists()
