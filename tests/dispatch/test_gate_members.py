"""Compound gates: `all`, `any`, `n_of`, in every order of their members (R72)."""

from itertools import permutations, product

import pytest
from outside import gated, gates, open_gates, send
from scripted import Bench

from engine.api import Answer
from engine.model import AnswerKind, GoalState

HOOKS: list[dict[str, object]] = [{"kind": "webhook", "name": f"m{n}"} for n in range(3)]


def expected(needed: int, order: tuple[int, ...], words: tuple[str, ...]) -> tuple[str, int]:
    """How the gate ends, and after how many signals."""
    passed = failed = 0
    for count, member in enumerate(order, 1):
        passed += words[member] == "pass"
        failed += words[member] == "fail"
        if passed >= needed:
            return "passed", count
        if passed + (3 - passed - failed) < needed:
            return "failed", count
    raise AssertionError("three words decide every gate of three")


@pytest.mark.parametrize("kind", ["all", "any", "n_of"])
async def test_r72_every_order_of_three_members_with_every_outcome(bench: Bench, kind: str) -> None:
    needed = {"all": 3, "any": 1, "n_of": 2}[kind]
    spec = {"kind": kind, "gates": HOOKS} | ({"n": 2} if kind == "n_of" else {})
    for order, words in product(permutations(range(3)), product(("pass", "fail"), repeat=3)):
        goal = await gated(bench, spec)
        outcome, count = expected(needed, order, words)
        for sent, member in enumerate(order[:count], 1):
            (matched,) = (await send(bench, "webhook", words[member], name=f"m{member}")).matched
            root, *members = await gates(bench, goal)
            assert matched == members[member]["id"]
            assert root["state"] == (outcome if sent == count else "open")
        ended = await bench.ended(goal)
        assert ended.state is (GoalState.DONE if outcome == "passed" else GoalState.FAILED)
        _, *members = await gates(bench, goal)
        by_word = {"pass": "passed", "fail": "failed"}
        wanted = {member: by_word[words[member]] for member in order[:count]}
        assert [row["state"] for row in members] == [wanted.get(n, "cancelled") for n in range(3)]


async def test_r72_losers_are_cancelled_with_their_questions_however_deep(bench: Bench) -> None:
    inner = {"kind": "all", "gates": [{"kind": "human_approval"}, {"kind": "timer", "wait": "1h"}]}
    goal = await gated(bench, {"kind": "any", "gates": [inner, HOOKS[0]]})
    (asked,) = await bench.engine.decisions()
    await send(bench, "webhook", name="m0")
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert not await bench.engine.decisions()
    assert (await bench.engine.decision(asked.id)).decision.state == "cancelled"
    states = [row["state"] for row in await gates(bench, goal)]
    assert sorted(states) == ["cancelled", "cancelled", "cancelled", "passed", "passed"]


async def test_r72_an_answer_counts_for_its_own_member_only(bench: Bench) -> None:
    spec = {"kind": "all", "gates": [{"kind": "human_approval", "question": q} for q in ("One?", "Two?")]}
    goal = await gated(bench, spec)
    one, two = sorted(await bench.engine.decisions(), key=lambda asked: asked.question)
    await bench.engine.answer(one.id, Answer(version=1, answer=AnswerKind.APPROVE))
    assert (await bench.states(goal))["gate"] == "waiting"
    assert [asked.id for asked in await bench.engine.decisions()] == [two.id]
    await bench.engine.answer(two.id, Answer(version=1, answer=AnswerKind.REJECT, feedback="not this"))
    ended = await bench.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.FAILED, 6)
    assert "not this" in (await bench.engine.why(f"{goal}/gate")).summary


async def test_r79_changes_asked_for_at_a_member_run_the_work_again(bench: Bench) -> None:
    spec = {"kind": "all", "gates": [{"kind": "human_approval"}, HOOKS[0]]}
    goal = await gated(bench, spec, {"id": "work", "run": "exit 0"})
    (asked,) = await bench.engine.decisions()
    await bench.engine.answer(asked.id, Answer(version=1, answer=AnswerKind.CHANGES, feedback="more"))
    await bench.until(goal, lambda view, states: states["gate"] == "waiting" and states["work"] == "done")
    assert len((await bench.engine.task(f"{goal}/work")).runs) == 2
    assert len(await open_gates(bench, goal)) == 3
    assert [row["state"] for row in await gates(bench, goal)][:3] == ["failed", "failed", "cancelled"]


async def test_r72_a_member_that_came_early_decides_at_the_opening(bench: Bench) -> None:
    from scripted import goal_file

    spec = {"kind": "any", "gates": HOOKS}
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, {"id": "gate", "gate": spec}))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await send(bench, "webhook", name="m1")
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert [row["state"] for row in await gates(bench, goal.id)] == ["passed", "cancelled", "passed", "cancelled"]
