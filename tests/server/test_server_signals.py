"""Signals, webhooks and callbacks over a real socket to a real engine (R63, R67, R73, R113; HARDENING 21 and 53)."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import signals_stub
from engine_stub import StubEngine

from engine.api import CreateGoal, Delivery, Signal, SignalOutcome, Word
from engine.client import RemoteEngine
from engine.errors import Conflict
from engine.events import EventType
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.server import serve
from engine.settings import Settings

SECRET = b"a very long secret"
GATES: dict[str, dict[str, object]] = {
    "hook": {"kind": "webhook", "name": "deploy.done"},
    "ci": {"kind": "gh_ci", "repo": "o/r", "pr": 12, "head_sha": "a" * 40, "poll": False},
    "review": {"kind": "gh_review", "repo": "o/r", "pr": 12, "poll": False},
    "human": {"kind": "human_approval"},
}


class Place:
    """A served engine with one goal whose gates are all open."""

    def __init__(self, engine: LocalEngine, http: httpx.AsyncClient, socket: Path) -> None:
        self.engine, self.http, self.socket = engine, http, socket

    async def gates(self) -> dict[str, dict[str, Any]]:
        query = "SELECT t.key, g.id, g.state, g.actor FROM gates g JOIN tasks t ON t.id = g.task ORDER BY g.rowid"
        return {row["key"]: dict(row) for row in await self.engine._parts.context.database.all(query)}

    async def resolve(self, **body: object) -> httpx.Response:
        return await self.http.post("/v1/signals/resolve", json=body)

    async def webhook(self, body: bytes, source: str = "ci", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/v1/webhooks/{source}", content=body, headers=named)


def signed(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, sha256).hexdigest()


@pytest.fixture
async def places(project: Path) -> AsyncIterator[Callable[[], Awaitable[Place]]]:
    (project / "secret").write_bytes(SECRET + b"\n")
    (project / "empty").write_bytes(b"\n")
    names = {"ci": "secret", "github": "secret", "void": "empty", "lost": "nowhere"}
    hooks = {name: {"secret_file": file} for name, file in names.items()}
    settings = Settings.model_validate({"webhooks": hooks})
    async with AsyncExitStack() as stack:

        async def open_one() -> Place:
            engine = await open_local(project, settings, drivers={})
            stack.push_async_callback(engine.close)
            socket = project / ".pilothouse" / "engine.sock"
            await stack.enter_async_context(serve(engine, socket))
            transport = httpx.AsyncHTTPTransport(uds=str(socket))
            client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=10)
            return Place(engine, await stack.enter_async_context(client), socket)

        yield open_one


@pytest.fixture
async def place(places: Callable[[], Awaitable[Place]]) -> Place:
    return await places()


async def with_goal(place: Place, drivers: object = None) -> Place:
    """Insert a goal of gates alone: no sandbox is needed, so no driver is."""
    from engine.dispatch.creation import NewGoal, insert_goal
    from engine.goals import parse_goal
    from engine.ids import Kind
    from engine.model import Runtime

    tasks = [{"id": key, "gate": gate} for key, gate in GATES.items()]
    source = json.dumps({"goal": "g", "tasks": [{"id": "all", "order": "parallel", "tasks": tasks}]})
    context = place.engine._parts.context
    goal = context.ids(Kind.GOAL)
    new = NewGoal(goal, parse_goal(source, "/g.yaml", {}), Runtime.PROCESS, True)
    await context.database.write(lambda tx: insert_goal(tx, new, context.ids))
    await place.engine.start_goal(goal)
    async for _ in place.engine.subscribe():
        if len(await place.gates()) == len(GATES):
            break
    return place


async def test_contract_a_signal_resolves_what_fits_and_answers_so(place: Place) -> None:
    await with_goal(place)
    gates = await place.gates()
    answer = await place.resolve(type="webhook", status="pass", name="deploy.done", data={"n": 1})
    assert (answer.status_code, answer.json()) == (200, {"matched": [gates["hook"]["id"]], "queued": False})
    again = await place.resolve(type="webhook", status="pass", name="deploy.done")
    assert again.json() == {"matched": [], "queued": True}
    url = "https://github.com/o/r/pull/12"
    assert (await place.resolve(type="gh_ci", status="pass", pr_url=url, head_sha="a" * 40)).json()["matched"]
    assert (await place.resolve(type="gh_review", status="pass", repo="o/r", pr="12")).json()["matched"]
    by_id = {"type": "human_approval", "status": "pass", "gate": gates["human"]["id"]}
    assert (await place.resolve(**by_id)).json()["matched"] == [gates["human"]["id"]]
    assert (await place.resolve(**by_id)).status_code == 409
    assert {row["state"] for row in (await place.gates()).values()} == {"passed"}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "nonsense", "status": "pass"},
        {"status": "pass"},
        {"type": "webhook", "name": "deploy.done"},
        {"type": "webhook", "status": "", "name": "deploy.done"},
        {"type": "webhook", "status": "approved", "name": "deploy.done"},
        {"type": "human_approval", "status": "pass"},
        {"type": "gh_ci", "status": "pass", "repo": "o/r", "pr": "twelve"},
        {"type": "gh_ci", "status": "pass", "pr_url": "https://x"},
        {"type": "webhook", "status": "pass", "name": "deploy.done", "extra": 1},
        {"type": "webhook", "status": "pass", "name": "deploy.done", "data": {"a": "x" * 70_000}},
    ],
    ids=lambda body: ",".join(body)[:40] + str(body.get("type")),
)
async def test_case_21_r63_what_is_no_signal_is_422_and_opens_nothing(place: Place, body: dict[str, object]) -> None:
    await with_goal(place)
    answer = await place.resolve(**body)
    assert answer.status_code == 422, answer.text
    assert {row["state"] for row in (await place.gates()).values()} == {"open"}


async def test_case_53_r113_only_the_very_bytes_that_were_signed_are_believed(place: Place) -> None:
    await with_goal(place)
    body = b'{"status": "pass", "name": "deploy.done"}'
    reserialised = json.dumps(json.loads(body), separators=(",", ":")).encode()
    sha1 = "sha1=" + hmac.new(SECRET, body, "sha1").hexdigest()
    refused = [
        await place.webhook(body),
        await place.webhook(body.replace(b"pass", b"fail"), x_hub_signature_256=signed(body)),
        await place.webhook(reserialised, x_hub_signature_256=signed(body)),
        await place.webhook(body, x_hub_signature_256=sha1),
        await place.webhook(body, x_hub_signature=sha1),
        await place.webhook(body, x_hub_signature_256=signed(body, b"")),
        await place.webhook(body, x_hub_signature_256="sha256="),
        await place.webhook(body, "void", x_hub_signature_256=signed(body, b"")),
        await place.webhook(body, "void", x_hub_signature_256=signed(body)),
    ]
    assert [answer.status_code for answer in refused] == [401] * len(refused)
    assert all(answer.json()["code"] == "refused" for answer in refused)
    assert not any(SECRET.decode() in answer.text for answer in refused)
    assert (await place.webhook(body, "unknown", x_hub_signature_256=signed(body))).status_code == 404
    assert (await place.webhook(body, "lost", x_hub_signature_256=signed(body))).status_code == 503
    assert {row["state"] for row in (await place.gates()).values()} == {"open"}
    assert (await place.webhook(body, x_hub_signature_256=signed(body))).json()["matched"]


async def test_case_53_r113_a_replay_has_no_second_effect_also_after_a_restart(
    places: Callable[[], Awaitable[Place]], project: Path
) -> None:
    first = await places()
    body = b'{"status": "pass", "name": "early", "data": {"delivery": 1}}'
    headers = {"x_pilothouse_signature": signed(body)}
    assert (await first.webhook(body, **headers)).json() == {"matched": [], "queued": True}
    assert (await first.webhook(body, **headers)).json() == {"matched": [], "queued": False}
    await first.engine.close()
    second = await open_local(project, first.engine._parts.context.settings, visiting=True, drivers={})
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        replayed = await second.deliver(Delivery(source="ci", headers=named, body=body))
        assert replayed == SignalOutcome(matched=(), queued=False)
        rows = await second._parts.context.database.all("SELECT * FROM signals")
        assert len(rows) == 1
    finally:
        await second.close()


@pytest.mark.parametrize(
    "body",
    [
        {"type": "human_approval", "status": "pass"},
        {"type": "webhook", "status": "pass", "gate": "x-0000000000"},
        {"name": "deploy.done"},
        ["pass"],
        "pass",
    ],
    ids=str,
)
async def test_r62_a_signed_delivery_that_is_no_signal_is_refused(place: Place, body: object) -> None:
    text = json.dumps(body).encode()
    answer = await place.webhook(text, x_hub_signature_256=signed(text))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def suite(conclusion: str, sha: str = "a" * 40) -> dict[str, object]:
    about = {"status": "completed", "conclusion": conclusion, "head_sha": sha, "pull_requests": [{"number": 12}]}
    return {"action": "completed", "check_suite": about, "repository": {"full_name": "O/R"}}


def review(state: str, role: str = "MEMBER") -> dict[str, object]:
    said = {"state": state, "commit_id": "a" * 40, "author_association": role, "user": {"login": "ann"}}
    pull = {"number": 12}
    return {"action": "submitted", "review": said, "pull_request": pull, "repository": {"full_name": "o/r"}}


@pytest.mark.parametrize(
    ("event", "payload", "key", "state"),
    [
        ("check_suite", suite("success"), "ci", "passed"),
        ("check_suite", suite("failure"), "ci", "failed"),
        ("check_suite", suite("timed_out"), "ci", "failed"),
        ("check_suite", suite("neutral"), "ci", "open"),
        ("check_suite", suite("something new"), "ci", "open"),
        ("check_suite", suite("success", "b" * 40), "ci", "open"),
        ("ping", {"zen": "…"}, "ci", "open"),
        ("pull_request_review", review("approved"), "review", "passed"),
        ("pull_request_review", review("changes_requested"), "review", "failed"),
        ("pull_request_review", review("commented"), "review", "open"),
        ("pull_request_review", review("approved", "NONE"), "review", "open"),
    ],
    ids=str,
)
async def test_github_s_events_resolve_the_gates_that_wait_for_signals(
    place: Place, event: str, payload: dict[str, object], key: str, state: str
) -> None:
    await with_goal(place)
    body = json.dumps(payload).encode()
    answer = await place.webhook(body, "github", x_hub_signature_256=signed(body), x_github_event=event)
    assert answer.status_code == 200, answer.text
    assert (await place.gates())[key]["state"] == state
    assert bool(answer.json()["matched"]) is (state != "open")


async def test_r68_a_callback_needs_its_token_and_ends_with_its_gate(place: Place) -> None:
    await with_goal(place)
    gate = (await place.gates())["hook"]["id"]
    made = (await place.http.post(f"/v1/gates/{gate}/callback")).json()
    assert made["path"] == f"/v1/callbacks/{gate}"
    for headers in ({}, {"authorization": "Bearer no"}, {"authorization": f"Basic {made['token']}"}):
        refused = await place.http.post(made["path"], json={"status": "pass"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "refused")
    headers = {"authorization": f"Bearer {made['token']}"}
    assert (await place.http.post(made["path"], json={}, headers=headers)).status_code == 422
    done = await place.http.post(made["path"], json={"status": "pass"}, headers=headers)
    assert done.json() == {"matched": [gate], "queued": False}
    replayed = await place.http.post(made["path"], json={"status": "pass"}, headers=headers)
    assert replayed.status_code == 401
    human = (await place.gates())["human"]["id"]
    assert (await place.http.post(f"/v1/gates/{human}/callback")).status_code == 400


async def test_r73_twenty_at_once_over_engine_api_client_and_callback_have_one_winner(place: Place) -> None:
    await with_goal(place)
    gate = (await place.gates())["hook"]["id"]
    token = await place.engine.callback_token(gate)
    remote = await RemoteEngine.connect(f"unix:{place.socket}")
    signal = Signal.model_validate({"type": "webhook", "status": "pass", "gate": gate})
    word = Word.model_validate({"status": "fail"})
    try:
        doors = [
            lambda: place.engine.signal(signal),
            lambda: remote.signal(signal),
            lambda: place.engine.callback(gate, token.token, word),
            lambda: remote.callback(gate, token.token, word),
        ]
        results = await asyncio.gather(*(doors[n % 4]() for n in range(20)), return_exceptions=True)
    finally:
        await remote.close()
    assert sum(isinstance(result, SignalOutcome) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) >= 9
    resolved = [e for e in await place.engine.events() if e.type is EventType.GATE_RESOLVED and e.data["gate"] == gate]
    assert len(resolved) == 1
    rows = await place.engine._parts.context.database.all("SELECT * FROM signals")
    assert len(rows) == 1


async def test_each_call_about_signals_arrives_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    signal = Signal.model_validate(
        {"type": "gh_ci", "status": "fail", "repo": "o/r", "pr": 3, "by": "me", "via": "cli"}
    )
    word = Word.model_validate({"status": "pass", "data": {"a": 1}})
    assert await remote.signal(signal) == signals_stub.MATCHED
    assert await remote.callback_token("g-1/gate", "me") == signals_stub.TOKEN
    assert await remote.callback("x-1", "secret", word) == signals_stub.MATCHED
    delivery = Delivery(source="ci", headers={"x-hub-signature-256": "sha256=00"}, body=b"\x00raw\xff")
    assert await remote.deliver(delivery) == signals_stub.MATCHED
    *calls, delivered = [call for call in stub.calls if call[0] != "info"]
    assert calls == [
        ("signal", signal),
        ("callback_token", "g-1/gate", "me"),
        ("callback", "x-1", "secret", word),
    ]
    assert isinstance(delivered[1], Delivery)
    assert (delivered[1].source, delivered[1].body) == ("ci", b"\x00raw\xff")
    assert delivered[1].headers["x-hub-signature-256"] == "sha256=00"


async def test_a_goal_can_be_made_over_the_api_with_every_kind(place: Place) -> None:
    """The door of the API knows what the parser knows."""
    source = json.dumps({"goal": "g", "tasks": [{"id": "a", "gate": {"kind": "nonsense"}}]})
    answer = await place.http.post("/v1/goals", json=CreateGoal(source=source).model_dump(mode="json"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_goal_file")
