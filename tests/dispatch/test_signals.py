"""Signals fit by equality, count for the commit under test, wait for their gate and are used up (R65-R68, R73)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from outside import AFTER, CI, HEAD, OTHER, gated, gates, open_gates, said, send, task, told
from scripted import Bench, goal_file
from yard import Open as OpenYard
from yard import Yard, write

from engine.api import Answer, SignalOutcome, Word
from engine.errors import Conflict, Invalid, Refused
from engine.events import EventType
from engine.model import AnswerKind, GoalState

Open = Callable[..., Awaitable[Bench]]

PINNED: dict[str, object] = {**CI, "head_sha": HEAD}
FITS: dict[str, object] = {"repo": "o/r", "pr": 12, "head_sha": HEAD}
HOOK: dict[str, object] = {"kind": "webhook", "name": "deploy.done", "key": "k1"}
WORK: dict[str, object] = {"id": "work", "run": "exit 0"}
HUMAN: dict[str, object] = {"id": "ok", "gate": {"kind": "human_approval", "rework": "work"}}


@pytest.mark.parametrize(
    "wrong",
    [{"repo": "o/other"}, {"repo": None}, {"pr": 13}, {"pr": None}, {"head_sha": OTHER}, {"head_sha": None}],
    ids=str,
)
async def test_r65_one_field_wrong_and_the_gate_stays_open(bench: Bench, wrong: dict[str, object]) -> None:
    goal = await gated(bench, PINNED)
    outcome = await send(bench, "gh_ci", **{**FITS, **wrong})
    assert (outcome.matched, outcome.queued) == ((), True)
    assert (await bench.states(goal))["gate"] == "waiting"
    assert (await send(bench, "gh_review", **FITS)).matched == (), "another kind is another thing"
    assert len((await send(bench, "gh_ci", **FITS)).matched) == 1
    assert (await bench.ended(goal)).state is GoalState.DONE


@pytest.mark.parametrize("wrong", [{"name": "deploy.failed"}, {"key": "k2"}, {"key": None}], ids=str)
async def test_r65_a_webhook_fits_by_name_and_key(bench: Bench, wrong: dict[str, object]) -> None:
    goal = await gated(bench, HOOK)
    assert (await send(bench, "webhook", **{"name": "deploy.done", "key": "k1", **wrong})).queued
    assert (await bench.states(goal))["gate"] == "waiting"
    assert (await send(bench, "webhook", name="deploy.done", key="k1", pr=99)).matched, "more may be said"


@pytest.mark.parametrize("pr", [12, "12"])
async def test_r65_a_pull_request_compares_as_a_number(bench: Bench, pr: object) -> None:
    await gated(bench, CI)
    assert (await send(bench, "gh_ci", repo="O/R", pr=pr)).matched


async def test_r65_a_pull_request_may_be_named_by_its_address(bench: Bench) -> None:
    await gated(bench, {"kind": "gh_review", "pr_url": "https://github.com/o/r/pull/12", "poll": False})
    for wrong in ({"pr_url": "https://github.com/o/r"}, {"pr_url": "https://github.com/o/r/pull/12", "pr": 13}):
        with pytest.raises(ValueError, match="pr_url"):
            said("gh_review", **wrong)
    assert (await send(bench, "gh_review", pr_url="https://github.com/o/r/pull/12")).matched


@pytest.mark.parametrize("given", [{}, {"status": ""}, {"status": "maybe"}, {"status": None}, {"type": ""}], ids=str)
def test_r62_a_missing_or_malformed_word_is_no_signal(given: dict[str, object]) -> None:
    from engine.api import Signal

    with pytest.raises(ValueError, match=r"status|type"):
        Signal.model_validate({"type": "webhook", "name": "x", **given})


async def test_r65_a_signal_for_an_earlier_goal_never_opens_the_gate_of_a_later_one(bench: Bench) -> None:
    assert (await send(bench, "webhook", name="deploy.done", key="k1")).queued
    goal = await gated(bench, HOOK)
    assert (await bench.states(goal))["gate"] == "waiting"


async def test_r65_each_opening_has_a_new_id_and_the_old_signal_does_not_open_it(bench: Bench) -> None:
    goal = await bench.goal(goal_file(WORK, task(HOOK), HUMAN))
    await bench.until(goal.id, lambda _, states: states["gate"] == "waiting")
    first = (await send(bench, "webhook", name="deploy.done", key="k1")).matched
    assert (await send(bench, "webhook", name="deploy.done", key="k1")).queued, "the same once more, late"
    await bench.waiting(goal.id)
    (asked,) = await bench.engine.decisions()
    await bench.engine.answer(asked.id, Answer(version=1, answer=AnswerKind.CHANGES, feedback="again"))
    await bench.until(goal.id, lambda _, states: states["gate"] == "waiting")
    (again,) = await open_gates(bench, goal.id)
    assert again["id"] not in first
    stale = await told(bench, EventType.SIGNAL_STALE)
    assert [event.data["gate"] for event in stale] == list(first)
    with pytest.raises(Conflict):
        await send(bench, "webhook", gate=first[0])
    assert (await send(bench, "webhook", name="deploy.done", key="k1")).matched == (again["id"],)


async def test_r66_a_result_counts_for_the_commit_the_goal_stands_at_only(yards: OpenYard) -> None:
    yard: Yard = await yards()
    yard.driver.work = write
    goal = await yard.goal_of({"id": "write", "run": "hang"}, task(CI), AFTER)
    await yard.until(goal, lambda _, states: states["write"] == "running")
    before = yard.git(goal, "rev-parse", "HEAD")
    assert (await send(yard, "gh_ci", repo="o/r", pr=12, head_sha=before)).queued
    yard.driver.finish()
    await yard.until(goal, lambda view, states: states["gate"] == "waiting")
    tip = yard.git(goal, "rev-parse", f"pilothouse/{goal}")
    assert tip != before
    assert (await open_gates(yard, goal))[0]["head"] == tip
    assert (await send(yard, "gh_ci", repo="o/r", pr=12, head_sha=before)).matched == ()
    assert (await send(yard, "gh_ci", repo="o/r", pr=12)).matched == (), "of no commit at all"
    assert {event.data["gate"] for event in await told(yard, EventType.SIGNAL_STALE)}
    assert (await send(yard, "gh_ci", repo="o/r", pr=12, head_sha=tip)).matched
    assert (await yard.ended(goal)).state is GoalState.DONE


async def test_r67_a_signal_that_comes_first_opens_and_closes_its_gate_once(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, task(HOOK), task(HOOK, "second")))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    for _ in range(2):
        outcome = await send(bench, "webhook", name="deploy.done", key="k1")
        assert (outcome.matched, outcome.queued) == ((), True)
    assert (await bench.states(goal.id))["gate"] == "pending"
    bench.driver.finish()
    await bench.until(goal.id, lambda view, states: states["second"] == "waiting")
    states = await bench.states(goal.id)
    assert (states["gate"], states["second"]) == ("done", "waiting"), "what one gate used up opens no other"
    matched = await told(bench, EventType.SIGNAL_MATCHED)
    assert len(matched) == 1
    opened, resolved = await told(bench, EventType.GATE_OPENED), await told(bench, EventType.GATE_RESOLVED)
    assert resolved[0].seq > opened[0].seq
    assert (await gates(bench, goal.id))[0]["opened_at"] == (await gates(bench, goal.id))[0]["resolved_at"]


async def test_r67_a_result_about_one_commit_is_true_for_every_gate_about_it(bench: Bench) -> None:
    assert (await send(bench, "gh_ci", **FITS)).queued
    goals = [await bench.goal(goal_file(task(PINNED), AFTER)) for _ in range(2)]
    for goal in goals:
        assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r67_the_newest_word_counts_when_several_came_first(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, task(HOOK), AFTER))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await send(bench, "webhook", "pass", name="deploy.done", key="k1")
    await send(bench, "webhook", "fail", name="deploy.done", key="k1")
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    assert "is newer" in (await told(bench, EventType.SIGNAL_STALE))[0].data["why"]


async def test_r67_for_a_resolved_gate_it_is_a_conflict_and_changes_nothing(bench: Bench) -> None:
    goal = await gated(bench, HOOK)
    (gate,) = await open_gates(bench, goal)
    await send(bench, "webhook", gate=gate["id"])
    await bench.ended(goal)
    before = (await gates(bench, goal), await bench.states(goal), len(await told(bench, EventType.SIGNAL_RECEIVED)))
    with pytest.raises(Conflict, match="is passed"):
        await send(bench, "webhook", "fail", gate=gate["id"])
    after = (await gates(bench, goal), await bench.states(goal), len(await told(bench, EventType.SIGNAL_RECEIVED)))
    assert after == before


async def test_r67_nothing_waits_and_no_task_is_touched(bench: Bench) -> None:
    goal = await gated(bench, HOOK)
    before = await bench.states(goal)
    outcome = await send(bench, "gh_ci", repo="x/y", pr=1)
    assert (outcome.matched, outcome.queued) == ((), True)
    assert await bench.states(goal) == before
    assert [event.data["kind"] for event in await told(bench, EventType.SIGNAL_QUEUED)] == ["gh_ci"]


async def test_r73_of_twenty_signals_at_once_one_wins_and_nineteen_conflict(bench: Bench) -> None:
    goal = await gated(bench, HOOK)
    (gate,) = await open_gates(bench, goal)
    signals = [said("webhook", "pass" if n % 2 else "fail", gate=gate["id"], by=f"caller {n}") for n in range(20)]
    results = await asyncio.gather(*map(bench.engine.signal, signals), return_exceptions=True)
    assert sum(isinstance(result, SignalOutcome) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19
    assert len(await told(bench, EventType.GATE_RESOLVED)) == 1
    assert len(await told(bench, EventType.SIGNAL_MATCHED)) == 1
    rows = await bench.engine._parts.context.database.all("SELECT * FROM signals")
    assert len(rows) == 1


async def test_r68_a_callback_token_resolves_its_own_gate_and_ends_with_it(bench: Bench) -> None:
    engine = bench.engine
    goal = await bench.goal(goal_file({"id": "two", "order": "parallel", "tasks": [task(HOOK), task(CI, "ci")]}))
    await bench.until(goal.id, lambda _, states: states["gate"] == states["ci"] == "waiting")
    old = await engine.callback_token(f"{goal.id}/gate")
    new = await engine.callback_token(old.gate)
    (other,) = [row["id"] for row in await open_gates(bench, goal.id) if row["id"] != old.gate]
    for gate, token in ((old.gate, old.token), (other, new.token), (old.gate, ""), ("x-0000000000", new.token)):
        with pytest.raises(Refused):
            await engine.callback(gate, token, Word.model_validate({"status": "pass"}))
    outcome = await engine.callback(new.gate, new.token, Word.model_validate({"status": "pass"}))
    assert outcome.matched == (new.gate,)
    with pytest.raises(Refused):
        await engine.callback(new.gate, new.token, Word.model_validate({"status": "pass"}))
    texts = [str(dict(row)) for row in await engine._parts.context.database.all("SELECT * FROM gates")]
    assert not any(new.token in text for text in [*texts, *(str(event) for event in await bench.events())])


async def test_r68_no_token_is_given_for_what_a_human_answers(bench: Bench) -> None:
    goal = await gated(bench, {"kind": "human_approval"})
    with pytest.raises(Invalid, match="a human answers it"):
        await bench.engine.callback_token(f"{goal}/gate")
