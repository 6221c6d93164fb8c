"""What the API says of itself, and that every route survives rubbish (R112)."""

import asyncio
import json
import re
import shlex
import shutil
import subprocess
from asyncio import to_thread
from pathlib import Path
from typing import Any

import engine_samples as samples
import httpx
import pytest
from engine_stub import StubEngine

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
CONTRACT = {
    "GET": "/health /ready /version /info /status /goals /goals/{ref} /goals/{ref}/tree /tasks/{ref} /tasks/{ref}/why"
    " /runs/{ref} /runs/{ref}/logs /runs/{ref}/logs/stream /runs/{ref}/diff /decisions /decisions/{ref} /sandboxes"
    " /events /events/stream /metrics /ledger /ledger/check /ledger/attention /rules"
    " /schedules"
    " /agents /leases /checkpoints /checkpoints/{checkpoint} /notices",
    "POST": "/goals /goals/{ref}/start /goals/{ref}/cancel /tasks/{ref}/cancel /decisions/{ref}/answer"
    " /decisions/{ref}/undo /engine/stop /goals/{ref}/tasks"
    " /goals/{ref}/pause /goals/{ref}/resume /goals/{ref}/drain /tasks/{ref}/retry"
    " /tasks/{ref}/skip /sandboxes/{ref}/freeze /sandboxes/{ref}/thaw /sandboxes/{ref}/kill /sandboxes/{ref}/remove"
    " /engine/dispatch /engine/gc /engine/settings /engine/drain /decisions/{ref}/snooze /decisions/{ref}/delegate"
    " /decisions/{ref}/note /tasks/{ref}/note /decisions/batch /rules /rules/rehearse /rules/{ref}/revoke"
    " /schedules /schedules/{ref}/start /schedules/{ref}/stop /schedules/{ref}/pause /schedules/{ref}/resume"
    " /schedules/{ref}/remove"
    " /leases/{ref}/release /checkpoints/{checkpoint}/restore /runs/{ref}/message /runs/{ref}/interrupt"
    " /signals/resolve /gates/{ref}/callback /callbacks/{ref} /webhooks/{source} /notices/test",
    "PATCH": "/tasks/{ref}",
    "PUT": "/presence",
}
ROUTES = [(method, f"/v1{path}") for method, paths in CONTRACT.items() for path in paths.split()]
RUBBISH: list[bytes] = [
    b"",
    b"null",
    b"0",
    b'"text"',
    b"[]",
    b"{}",
    b"{" * 20_000,
    b'{"version": 1e400, "answer": "approve", "shown_seconds": Infinity}',
    b'{"mode": ["stop"], "source": {"a": 1}, "version": "1; DROP TABLE", "reason": 7}',
    b'{"__class__": "x", "state": "done"}',
    bytes(range(256)),
]


async def schema_of(http: httpx.AsyncClient) -> dict[str, Any]:
    schema: dict[str, Any] = (await http.get("/openapi.json")).json()
    return schema


async def test_the_schema_lists_every_route_with_its_answer_and_its_errors(http: httpx.AsyncClient) -> None:
    schema = await schema_of(http)
    found = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}
    assert found == set(ROUTES)
    for method, path in ROUTES:
        answers = schema["paths"][path][method.lower()]["responses"]
        assert {"404", "409", "413", "422", "503"} < set(answers)
        for status, answer in answers.items():
            if status >= "400":
                assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem"), path
    tree = schema["paths"]["/v1/goals/{ref}/tree"]["get"]["responses"]["200"]
    assert tree["content"]["application/json"]["schema"]["$ref"].endswith("/TreeNode")
    stream = schema["paths"]["/v1/events/stream"]["get"]["responses"]["200"]
    assert set(stream["content"]) == {"text/event-stream"}


async def test_r112_rubbish_is_never_a_fault_of_ours(http: httpx.AsyncClient) -> None:
    for method, path in [(method, path) for method, path in ROUTES if method != "GET"]:
        for body in RUBBISH:
            target = path.replace("{ref}", "%00%2F..%2F%F0%9F").replace("{source}", "%00")
            answer = await http.request(method, target, content=body, headers={"content-type": "application/json"})
            assert answer.status_code < 500, (path, body, answer.text)
            if answer.status_code >= 400:
                assert answer.json()["code"] in ("invalid", "not_found")


async def test_r112_hostile_refs_are_never_a_fault_of_ours(http: httpx.AsyncClient) -> None:
    for method, path in ROUTES:
        if "{ref}" in path and "stream" not in path:
            for ref in ("..", "%2e%2e", "%00", "%ff%fe", "a" * 10_000, "%2F" * 100, "'", "%3Cscript%3E"):
                answer = await http.request(method, path.replace("{ref}", ref))
                assert answer.status_code in (200, 400, 404, 405, 422), (method, path, ref)


async def test_a_created_goal_says_where_it_is(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/goals", json={"source": "goal: x"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/goals/{samples.GOAL.id}"
    assert (await http.get(answer.headers["location"])).json()["id"] == samples.GOAL.id


async def test_goals_are_listed_and_found_alone(stub: StubEngine, http: httpx.AsyncClient) -> None:
    assert [goal["id"] for goal in (await http.get("/v1/goals")).json()] == [samples.GOAL.id]
    assert (await http.get("/v1/goals/nothing")).status_code == 404
    cancelled = await http.post(f"/v1/goals/{samples.GOAL.id}/cancel")  # the body may be left out
    assert cancelled.status_code == 200
    assert stub.calls[-1] == ("cancel", samples.GOAL.id, "", "operator")


async def test_the_documented_routes_are_the_served_ones(http: httpx.AsyncClient) -> None:
    rows = re.findall(r"^\| `(GET|POST|PATCH|PUT) (/\S+?)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {(method, path) for method, path in rows} == set(ROUTES)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_documented_curl_commands_work(socket: Path, stub: StubEngine) -> None:
    commands = re.findall(r"^curl .*?(?<!\\)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(commands) >= 4
    stub.emit()
    for command in commands:
        argv = _argv(command, socket)
        if "--max-time" in command:
            await _streams(argv)
            continue
        done = await to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (argv, done.stderr)
        assert json.loads(done.stdout)
    assert {call[0] for call in stub.calls} >= {"status", "why", "answer", "create_goal", "subscribe"}


async def _streams(argv: list[str]) -> None:
    """It prints what comes as it comes, and waits for more."""
    curl = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    assert curl.stdout is not None
    assert (await curl.stdout.readline()).startswith(b"id: "), argv
    assert curl.returncode is None
    curl.kill()
    await curl.communicate()


def _argv(command: str, socket: Path) -> list[str]:
    return shlex.split(command.replace("\\\n", " ").replace(".pilothouse/engine.sock", str(socket)))
