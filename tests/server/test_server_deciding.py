"""The deciding half of the protocol over a real socket: what comes back equals what the engine said."""

from datetime import timedelta

import deciding_stub as canned
import engine_samples as samples
import httpx
import pytest
from engine_stub import StubEngine

from engine.api import AddRule, Answer, BatchAnswer, Snooze
from engine.client import RemoteEngine
from engine.model import AnswerKind

SNOOZES = (
    Snooze(version=2, seconds=90, by="me", via="cli"),
    Snooze(version=2, until=samples.NOON, by="me"),
    Snooze(version=3, news=True),
)
ROWS = (
    BatchAnswer(decision="d-1", answer=Answer(version=1, answer=AnswerKind.APPROVE, content="ab", shown_seconds=0.5)),
    BatchAnswer(decision="d-2", answer=Answer(version=4, answer=AnswerKind.APPROVE)),
)


async def test_each_query_comes_back_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    assert await remote.history(7, 12, "d-1") == (canned.ENTRY,)
    assert await remote.history() == (canned.ENTRY,)
    assert await remote.attention() == canned.ATTENTION
    assert await remote.verify_ledger() == canned.CHECK
    assert await remote.rules() == (canned.RULE,)
    assert await remote.rehearse(canned.DRAFT) == canned.REHEARSAL
    assert ("history", 7, 12, "d-1") in stub.calls
    assert ("history", 100, None, None) in stub.calls
    assert ("rehearse", canned.DRAFT) in stub.calls


async def test_each_command_arrives_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    for snooze in SNOOZES:
        assert await remote.snooze("d-1", snooze) == samples.DECISION
    assert await remote.delegate("d-1", samples.HARD, "me") == samples.DECISION
    assert await remote.note("d-1", samples.HARD, "me") == canned.NOTE
    assert await remote.note("g-1/build", samples.HARD, "me") == canned.NOTE
    assert await remote.answer_batch(ROWS) == canned.OUTCOMES
    request = AddRule(draft=canned.DRAFT, rehearsed="ab" * 32, by="me")
    assert await remote.add_rule(request) == canned.RULE
    assert await remote.revoke_rule("u-1", "me") == canned.RULE
    assert [call for call in stub.calls if call[0] != "info"] == [
        *[("snooze", "d-1", snooze) for snooze in SNOOZES],
        ("delegate", "d-1", samples.HARD, "me"),
        ("note", "d-1", samples.HARD, "me"),
        ("note", "g-1/build", samples.HARD, "me"),
        ("answer_batch", ROWS),
        ("add_rule", request),
        ("revoke_rule", "u-1", "me"),
    ]


async def test_an_answer_that_is_a_snooze_goes_there(stub: StubEngine, http: httpx.AsyncClient) -> None:
    body = {"version": 2, "answer": "snooze", "seconds": "15m", "by": "me", "via": "cli"}
    assert (await http.post("/v1/decisions/d-1/answer", json=body)).status_code == 200
    expected = Snooze(version=2, seconds=900, by="me", via="cli")
    assert stub.calls[-1] == ("snooze", "d-1", expected)
    until = (samples.NOON + timedelta(hours=1)).isoformat()
    assert (await http.post("/v1/decisions/d-1/answer", json={**body, "until": until})).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"version": 2, "answer": "snooze"},
        {"version": 2, "answer": "approve", "seconds": 5},
        {"version": 2, "answer": "approve", "news": True},
        {"version": 2, "answer": "snooze", "seconds": -1},
    ],
)
async def test_a_snooze_says_how_long_and_nothing_else_does(http: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await http.post("/v1/decisions/d-1/answer", json=body)).status_code == 422
