"""A run's own door: whose token opens it, what is behind it, and that nothing else is (R43, R93, R111, R116)."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable

import httpx
import pytest
from scripted import Bench, goal_file
from voices import Voice, heard_again, voice_of, voices

from engine.api import SandboxOrder
from engine.dispatch.agent import tokens
from engine.dispatch.agent.operations import LOOKS, ORDERS
from engine.errors import StoreError

Opened = Callable[..., Awaitable[Bench]]


async def test_r43_without_a_stored_token_no_sandbox_is_made(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await opened(reconcile_interval=0.05)
    refused = asyncio.Event()

    async def refuse(*_: object) -> str:
        refused.set()
        raise StoreError("the store is full")

    with monkeypatch.context() as full:
        full.setattr("engine.dispatch.runs.preparation.issue_token", refuse)
        goal = await bench.goal(goal_file({"id": "one", "run": "hang one"}))
        async with asyncio.timeout(10):
            await refused.wait()
        assert bench.driver.specs == []
        assert [event for event in await bench.events() if event.type == "sandbox.created"] == []
    await bench.until(goal.id, lambda _, states: states["one"] == "running")
    assert len(bench.driver.specs) == 1


async def test_r43_environment_and_mounts_are_complete_before_the_start(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    named = {name.removeprefix("PILOTHOUSE_") for name in one.env if name.startswith("PILOTHOUSE_")}
    assert named == {"GOAL", "TASK", "RUN", "RUN_N", "ROLE", "TOKEN", "SOCKET", "OUTBOX", "INPUTS"}
    spec = bench.driver.specs[-1]
    assert [(mount.target, mount.read_only) for mount in spec.mounts] == [
        ("/run/pilothouse", True),
        ("/run/pilothouse/outbox", False),
    ]
    assert (spec.mounts[0].source / "bin" / "ph").stat().st_mode & 0o777 == 0o755
    assert spec.programs.endswith("/bin")


async def test_r116_the_socket_is_its_owners_alone_whatever_the_umask_and_the_token_is_stored_hashed(
    bench: Bench,
) -> None:
    before = os.umask(0)
    try:
        _, (one,) = await voices(bench, "one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(one.socket.stat().st_mode) == 0o600
    database = bench.engine._parts.context.database
    rows = await database.all("SELECT hash, run FROM run_tokens")
    assert [(row["hash"], row["run"]) for row in rows] == [(tokens.hashed(one.env["PILOTHOUSE_TOKEN"]), one.run)]
    assert one.env["PILOTHOUSE_TOKEN"].encode() not in bench.engine._parts.context.paths.database.read_bytes()


async def test_r111_no_token_a_wrong_one_and_another_runs_are_refused(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    assert (await one.say("GET", "status", token=""))[0] == 401
    assert (await one.say("GET", "status", token="pht_" + "0" * 64))[0] == 401
    assert (await one.say("GET", "status", token=two.env["PILOTHOUSE_TOKEN"]))[0] == 403
    assert (await two.say("POST", "complete", {}, socket=one.socket))[0] == 403
    assert (await one.get("status"))["run"]["id"] == one.run


async def test_r93_the_token_of_an_older_run_neither_completes_nor_fails_nor_renews(bench: Bench) -> None:
    _, (first,) = await voices(bench, "one", retries=1)
    lease = await first.post("lease", name="db")
    await bench.engine.order_sandbox(first.run, SandboxOrder.KILL)
    assert not first.socket.exists(), "its door is closed with it"
    await bench.engine.retry(first.env["PILOTHOUSE_TASK"])
    goal = first.env["PILOTHOUSE_GOAL"]
    await bench.until(goal, lambda _, states: states["one"] == "running" and voice_of(bench, "one").run != first.run)
    second = voice_of(bench, "one")
    late = {"complete": {"summary": "late"}, "fail": {}, "lease/renew": {"name": "db", "fence": lease["fence"]}}
    for name, body in late.items():
        status, _ = await first.say("POST", name, body, socket=second.socket)
        assert status == 403, name
    rows = await bench.engine._parts.context.database.all("SELECT * FROM reports")
    assert rows == []


@pytest.mark.allow_blocking("the control API is built on this loop to tell its routes")
async def test_r111_an_operators_route_does_not_exist_at_a_runs_door(bench: Bench) -> None:
    from engine.server.app import make_app

    _, (one,) = await voices(bench, "one")
    app = make_app(bench.engine, asyncio.Event())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert len(paths) > 20
    for path, operations in paths.items():
        for method in operations:
            status, _ = await one.say(method.upper(), f"http://localhost{path}", {})
            assert status in (401, 403, 404, 405), (method, path, status)


async def test_r110_every_operation_exists_and_is_open_to_whoever_it_is_offered_to(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    contract = (
        "complete fail progress heartbeat ask artifact handoff checkpoint message lease lease/renew lease/release"
        " subtasks"
    )
    assert set(contract.split()) <= set(ORDERS)
    assert {"status", "inputs", "messages", "agents", "checkpoints"} <= set(LOOKS)
    for name in ORDERS:
        status, document = await one.say("POST", name, {"unknown": 1})
        assert status == 422, (name, document)
    for name in LOOKS:
        assert (await one.say("GET", name))[0] == 200, name
    assert (await one.say("GET", "answer/d-0000000000"))[0] == 404


async def test_case_50_what_is_no_request_is_answered_as_such(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    assert (await one.say("POST", "progress", b"{" * 20_000))[0] == 400
    assert (await one.say("POST", "progress", b'{"message": NaN}'))[0] == 400
    assert (await one.say("POST", "progress", b'{"message": "\\ud800"}'))[0] == 400
    assert (await one.say("POST", "progress", b" " * 2_000_000))[0] == 413
    assert (await one.say("PUT", "progress", {}))[0] == 405
    assert (await one.say("POST", "no/such", {}))[0] == 404
    assert (await one.get("status"))["run"]["id"] == one.run, "and the door stands open"


async def test_r91_after_a_restart_the_same_run_finds_its_socket_and_its_token_good(opened: Opened) -> None:
    bench = await opened()
    _, (one,) = await voices(bench, "one")
    await bench.engine.close()
    assert not one.socket.exists()
    again = await opened()
    await again.until(one.env["PILOTHOUSE_GOAL"], lambda _, states: states["one"] == "running")
    await heard_again(again, one)
    assert (await one.get("status"))["run"]["id"] == one.run


async def test_a_secret_of_the_run_is_cut_out_of_what_it_says(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    token = one.env["PILOTHOUSE_TOKEN"]
    await one.post("progress", message=f"my token is {token}")
    (event,) = [event for event in await bench.events() if event.type == "task.progress"]
    assert event.data["message"] == "my token is [redacted: PILOTHOUSE_TOKEN]"
    assert isinstance(one, Voice)
