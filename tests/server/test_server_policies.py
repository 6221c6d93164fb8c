"""A policy that is offered holds at every door (R83); an answer is answered once whatever door it came through."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from engine.api import Answer, BatchAnswer, CreateGoal, DecisionView, LedgerAction
from engine.client import RemoteEngine
from engine.errors import PilothouseError
from engine.headless.gates import Approver
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionState
from engine.server import serve
from engine.settings import load_settings

GATE = "goal: Ship\ntasks:\n  - {id: ok, gate: {kind: human_approval, risk: high}}\n"
DOORS = ("local", "remote", "http", "headless")


@pytest_asyncio.fixture
async def local(project: Path) -> AsyncIterator[LocalEngine]:
    flags = {"sandbox.runtime": "process", "engine.second_approver": True, "engine.approvers": "ann, ben, headless"}
    engine = await open_local(project, load_settings(project / "pilothouse.toml", environ={}, flags=flags))
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def far(local: LocalEngine, project: Path) -> AsyncIterator[RemoteEngine]:
    path = project / ".pilothouse" / "engine.sock"
    async with serve(local, path):
        remote = await RemoteEngine.connect(f"unix:{path}")
        yield remote
        await remote.close()


async def gate(local: LocalEngine) -> DecisionView:
    goal = await local.create_goal(CreateGoal(source=GATE, allow_unconfined=True))
    async with asyncio.timeout(20):
        async for _ in local.subscribe():
            for decision in await local.decisions():
                if decision.goal == goal.id:
                    return decision
    raise AssertionError("the stream ended")


async def approve(door: str, local: LocalEngine, far: RemoteEngine, decision: DecisionView, by: str) -> str:
    """Through one door; the code of the error it was refused with."""
    given = Answer(version=decision.version, answer=AnswerKind.APPROVE, by=by, via=door)
    if door == "http":
        transport = httpx.AsyncHTTPTransport(uds=far._wire.place.removeprefix("unix:"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            path = f"/v1/decisions/{decision.id}/answer"
            body = {"version": decision.version, "answer": "approve", "by": by, "via": "http"}
            response = await client.post(path, json=body)
            return "" if response.is_success else str(response.json()["code"])
    if door == "headless":
        return "" if await Approver(far).approve([decision]) else "conflict"
    try:
        await (local if door == "local" else far).answer(decision.id, given)
    except PilothouseError as error:
        return error.code
    return ""


@pytest.mark.parametrize("door", DOORS)
async def test_r83_two_names_at_each_door(local: LocalEngine, far: RemoteEngine, door: str) -> None:
    by = "headless" if door == "headless" else "ann"
    asked = await gate(local)
    assert await approve(door, local, far, asked, by) == ""
    once = (await far.decision(asked.id)).decision
    assert (once.state, once.approved_by) == (DecisionState.PENDING, by)
    assert await approve(door, local, far, once, by) == "conflict", "the same name is no second one"
    if door != "headless":
        assert await approve(door, local, far, once, "mallory") == "conflict", "no approver"
    assert (await far.decision(asked.id)).decision.state is DecisionState.PENDING
    other = "remote" if door == "local" else "local"
    assert await approve(other, local, far, once, "ben") == ""
    rows = await far.history(decision=asked.id)
    assert [(row.action, row.by) for row in rows] == [(LedgerAction.ANSWERED, "ben"), (LedgerAction.APPROVED_ONCE, by)]


async def test_r83_what_is_of_high_risk_goes_through_no_batch(local: LocalEngine, far: RemoteEngine) -> None:
    asked = await gate(local)
    row = BatchAnswer(decision=asked.id, answer=Answer(version=asked.version, answer=AnswerKind.APPROVE, by="ann"))
    with pytest.raises(PilothouseError, match="one by one"):
        await far.answer_batch([row])
    assert (await far.decision(asked.id)).decision.approved_by is None


async def test_case_18_twenty_answers_over_three_doors_have_one_winner(local: LocalEngine, far: RemoteEngine) -> None:
    first = await gate(local)
    await approve("local", local, far, first, "ann")
    asked = (await far.decision(first.id)).decision
    doors = [("local", "remote", "http")[n % 3] for n in range(20)]
    codes = await asyncio.gather(*(approve(door, local, far, asked, "ben") for door in doors))
    assert codes.count("") == 1
    assert set(codes) == {"", "conflict"}
    rows = await far.history(decision=asked.id)
    assert [row.action for row in rows] == [LedgerAction.ANSWERED, LedgerAction.APPROVED_ONCE]
    assert (await far.verify_ledger()).ok
