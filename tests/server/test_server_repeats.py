"""Orders that are sent again, over real sockets and a real store (R17)."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from engine.api.repeats import Recorded
from engine.client import RemoteEngine
from engine.errors import Conflict
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.server import serve
from engine.settings import load_settings

SOURCE = "goal: Wait\ntasks:\n  - id: ship\n    gate: {kind: human_approval, question: Ship it?}\n"
GOAL = {"source": SOURCE, "allow_unconfined": True}


async def opened(project: Path) -> LocalEngine:
    settings = load_settings(project / "pilothouse.toml", environ={}, flags={"sandbox.runtime": "process"})
    return await open_local(project, settings)


def over(socket: Path) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/v1", timeout=20)


@pytest_asyncio.fixture
async def local(project: Path) -> AsyncIterator[LocalEngine]:
    engine = await opened(project)
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def http(local: LocalEngine, project: Path) -> AsyncIterator[httpx.AsyncClient]:
    socket = project / ".pilothouse" / "engine.sock"
    async with serve(local, socket), over(socket) as client:
        yield client


def keyed(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


async def test_r17_the_same_order_twice_has_one_effect_and_one_answer(http: httpx.AsyncClient) -> None:
    first = await http.post("/goals", json=GOAL, headers=keyed("one"))
    again = await http.post("/goals", json=GOAL, headers=keyed("one"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await http.get("/goals")).json()) == 1
    other = await http.post("/goals", json=GOAL | {"start": False}, headers=keyed("one"))
    assert other.status_code == 409
    elsewhere = await http.post(f"{first.headers['location'][3:]}/cancel", headers=keyed("one"))
    assert elsewhere.status_code == 409
    assert len((await http.get("/goals")).json()) == 1
    assert (await http.post("/goals", json=GOAL, headers=keyed("two"))).status_code == 201


async def test_r17_twenty_at_once_under_one_key_are_one(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(http.post("/goals", json=GOAL, headers=keyed("same")) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await http.get("/goals")).json()) == 1


async def test_r17_a_refusal_is_given_again_and_a_bad_key_is_refused(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await http.post("/goals", json={"source": "nonsense"}, headers=keyed("bad"))
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_goal_file")
    for key in ("", "x" * 201, "two words", "a\tb"):
        answer = await http.post("/goals", json=GOAL, headers=keyed(key))
        assert answer.status_code == 400, key
    large = await http.post("/goals", content=b"x" * 3_000_000, headers=keyed("large"))
    assert large.status_code == 413
    assert (await http.get("/goals")).json() == []


async def test_r17_an_order_whose_answer_was_lost_is_not_carried_out_again(project: Path) -> None:
    engine = await opened(project)

    async def half() -> str:
        assert await engine.begin("lost", "digest") is None
        return (await engine.create_goal(_request())).id

    goal = await asyncio.create_task(half())  # each request is a task of its own
    await engine.close()  # it never said what came of it
    engine = await opened(project)
    with pytest.raises(Conflict, match="answer was lost"):
        await engine.begin("lost", "digest")
    assert [view.id for view in (await engine.status()).goals] == [goal]
    await engine.close()


async def test_r17_an_order_that_wrote_nothing_before_its_engine_ended_is_carried_out(project: Path) -> None:
    engine = await opened(project)
    assert await asyncio.create_task(engine.begin("early", "digest")) is None
    await engine.close()
    engine = await opened(project)
    assert await engine.begin("early", "digest") is None
    goal = await engine.create_goal(_request())
    await engine.finish("early", Recorded(201, goal.id.encode()))
    assert await engine.begin("early", "digest") == Recorded(201, goal.id.encode())
    await engine.close()


def _request() -> object:
    from engine.api import CreateGoal

    return CreateGoal.model_validate(GOAL)


async def test_r17_an_answer_outlives_an_engine_that_is_killed(project: Path, tmp_path: Path) -> None:
    socket = project / ".pilothouse" / "engine.sock"
    process = await _serving(project, socket)
    async with over(socket) as http:
        first = await http.post("/goals", json=GOAL, headers=keyed("kept"))
    assert first.status_code == 201
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = await _serving(project, socket)
    async with over(socket) as http:
        again = await http.post("/goals", json=GOAL, headers=keyed("kept"))
        assert (again.status_code, again.content) == (201, first.content)
        assert len((await http.get("/goals")).json()) == 1
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.wait, 20)


async def _serving(project: Path, socket: Path) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", "tui.cli.main", "--project", str(project), "serve"]
    env = os.environ | {"PILOTHOUSE_RUNTIME": "process"}
    process = await asyncio.to_thread(
        subprocess.Popen, argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            async with over(socket) as http:
                if (await http.get("/health")).status_code == 200:
                    return process
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise AssertionError("the engine did not come up")


async def test_r17_one_external_item_has_one_live_goal(http: httpx.AsyncClient) -> None:
    asked = GOAL | {"external_ref": "github:o/r#12"}
    answers = await asyncio.gather(*(http.post("/goals", json=asked) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    [goal] = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert refused["details"] == {"goal": goal}
    assert (await http.get(f"/goals/{goal}")).json()["external_ref"] == "github:o/r#12"
    await http.post(f"/goals/{goal}/cancel")
    assert (await http.post("/goals", json=asked)).status_code == 201  # the first one has ended


async def test_the_client_sends_an_order_again_when_the_connection_breaks(
    local: LocalEngine, project: Path, tmp_path: Path
) -> None:
    socket = project / ".pilothouse" / "engine.sock"
    broken = tmp_path / "broken.sock"
    passed: list[bytes] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries the first order to the engine and its answer nowhere."""
        head = await reader.readuntil(b"\r\n\r\n")
        there, back = await asyncio.open_unix_connection(socket)
        back.write(head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))
        sizes = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(sizes[0]) if sizes else 0
        back.write(await reader.readexactly(length))
        answer = await there.read()
        if head.startswith(b"POST"):
            passed.append(answer)
        if len(passed) != 1:
            writer.write(answer)
        writer.close()
        back.close()

    async with serve(local, socket), await asyncio.start_unix_server(relay, broken):
        remote = await RemoteEngine.connect(f"unix:{broken}")
        goal = await remote.create_goal(_request())  # type: ignore[arg-type]
        assert len(passed) == 2
        assert [view.id for view in (await local.status()).goals] == [goal.id]
        await remote.close()


def test_r17_the_verb_says_which_goal_is_under_way(
    project: Path,
) -> None:
    (project / "goal.yaml").write_text(SOURCE)
    argv = [sys.executable, "-P", "-m", "tui.cli.main", "--project", str(project), "run", str(project / "goal.yaml")]
    argv += ["--no-ui", "--runtime", "process", "--allow-unconfined", "--external-ref", "issue-7"]
    codes = [subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False) for _ in range(2)]
    assert [done.returncode for done in codes] == [5, 4]
    assert b"is under way for 'issue-7'" in codes[1].stderr
