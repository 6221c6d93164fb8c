"""Rounds and verdicts at every door: the tree, the task, the proof, the card, the inputs of what comes after (F78)."""

import json
from pathlib import Path

import pytest
from asked import answer
from judges import YES, JudgeDriver, judge, no, write
from scripted import Bench, goal_file
from yard import Yard

from engine.api import DecisionView, TreeNode
from engine.errors import IllegalMove
from engine.events import EventType
from engine.headless.gates import Approver
from engine.model import AnswerKind, VerdictKind

FINDING = {"file": "a.py", "line": 3, "severity": "high", "text": "no test"}
GATE: dict[str, object] = {"id": "ok", "gate": {"kind": "human_approval", "rework": "write"}}


def found(tree: TreeNode, key: str) -> TreeNode:
    stack = [tree]
    while stack:
        node = stack.pop()
        if node.key == key:
            return node
        stack += node.children
    raise AssertionError(key)


async def at_the_gate(bench: Bench, driver: JudgeDriver) -> tuple[str, DecisionView]:
    """A goal at its gate, after one round."""
    driver.says["review"] = [no(findings=[FINDING]), {**YES, "findings": [FINDING]}]
    goal = await bench.goal(goal_file(write(), judge(on_reject={"rework": "write", "max_cycles": 2}), GATE))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    return goal.id, decision


async def test_f89_the_tree_counts_rounds_and_says_the_newest_verdict(bench: Bench, driver: JudgeDriver) -> None:
    goal, decision = await at_the_gate(bench, driver)
    review = found(await bench.engine.tree(goal), "review")
    assert (review.verdict, review.rounds, review.max_rounds) == ("approved", 1, 2)
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="more"))
    await bench.until(goal, lambda view, _: view.waiting and len(driver.specs) == 6)
    ok = found(await bench.engine.tree(goal), "ok")
    assert (ok.verdict, ok.rounds, ok.max_rounds) == (None, 1, None)
    assert found(await bench.engine.tree(goal), "write").rounds == 0


async def test_f78_a_card_has_what_the_judges_of_its_goal_said_last(bench: Bench, driver: JudgeDriver) -> None:
    _, decision = await at_the_gate(bench, driver)
    [said] = (await bench.engine.decision(decision.id)).verdicts
    assert (said.task_key, said.n, said.passed, said.outcome, said.kind) == (
        "review", 2, True, "approved", VerdictKind.REVIEW,
    )  # fmt: skip
    assert [finding.model_dump() for finding in said.findings] == [FINDING]


async def test_f78_at_the_end_of_the_rounds_the_card_has_the_no(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no("say it\nlouder", findings=[FINDING])]
    goal = await bench.goal(goal_file(write(), judge(on_reject={"rework": "write", "max_cycles": 1})))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    card = await bench.engine.decision(decision.id)
    [said] = card.verdicts
    assert (said.passed, said.feedback, said.n) == (False, "say it\nlouder", 2)
    assert card.decision.evidence["rework"] == "write"
    reasons = (await bench.engine.why(f"{goal.id}/review")).reasons
    for words in ("say it", "louder", "found a.py:3 (high): no test", "it has sent write back 1 of 1 times, then ask"):
        assert words in reasons


async def test_a_task_shows_how_it_is_judged_and_what_it_was_asked_for(bench: Bench, driver: JudgeDriver) -> None:
    goal, _ = await at_the_gate(bench, driver)
    judged = (await bench.engine.task(f"{goal}/review")).judging
    assert judged is not None
    assert (judged.kind, judged.rounds) == (VerdictKind.REVIEW, 1)
    assert [(said.n, said.passed) for said in judged.verdicts] == [(1, False), (2, True)]
    written = (await bench.engine.task(f"{goal}/write")).judging
    assert written is not None
    assert [(asked.task_key, asked.text.splitlines()[0]) for asked in written.asked] == [
        ("review", "review: say it louder")
    ]
    reasons = (await bench.engine.why(f"{goal}/write")).reasons
    assert any(reason.startswith("asked for by review: review: say it louder") for reason in reasons)


async def test_f98_what_comes_after_a_judge_has_its_verdict_in_its_inputs(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [{**YES, "findings": [FINDING]}]
    after = {"id": "after", "run": "exit 0 after", "needs": ["review"]}
    goal = await bench.goal(goal_file(write(), judge(), after))
    await bench.ended(goal.id)
    told = driver.inputs["after 1"]["dependencies"]["review"]["verdict"]
    assert (told["passed"], told["summary"], told["findings"]) == (True, "fine", [FINDING])


async def test_r87_no_rule_and_no_policy_answers_the_end_of_the_rounds(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no()]
    goal = await bench.goal(goal_file(write(), judge(on_reject={"rework": "write", "max_cycles": 1})))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    with pytest.raises(IllegalMove):
        await bench.engine.retry(f"{goal.id}/review")
    assert await Approver(bench.engine).approve([decision]) is False
    assert (await bench.states(goal.id))["review"] == "review"


async def test_r3_the_verdict_and_the_round_it_leads_to_stand_together(bench: Bench, driver: JudgeDriver) -> None:
    await at_the_gate(bench, driver)
    events = [e for e in await bench.events() if e.task is not None or e.run is not None]
    at = next(n for n, e in enumerate(events) if e.type is EventType.TASK_VERDICT)
    kinds = [e.type for e in events[at - 1 : at + 5]]
    assert kinds[:3] == [EventType.RUN_ENDED, EventType.TASK_VERDICT, EventType.TASK_REOPENED]
    assert EventType.TASK_REWORK in kinds


def leave_a_note(folder: Path) -> None:
    """A judge that writes into what it judges."""
    inputs = folder.with_name(folder.name + ".io") / "inputs.json"
    if json.loads(inputs.read_text())["task"]["key"] == "review":
        (folder / "note.txt").write_text("seen")


@pytest.mark.allow_blocking("the operator's own git runs between the calls")
@pytest.mark.parametrize(("code", "kept"), [("exit 1", []), ("exit 0", ["note.txt"])])
async def test_a_judge_s_change_is_salvaged_with_a_no_and_in_the_branch_with_a_yes(
    yard: Yard, code: str, kept: list[str]
) -> None:
    yard.driver.work = leave_a_note
    review = {"id": "review", "run": code, "on_reject": {"rework": "write", "max_cycles": 1, "then": "fail"}}
    goal = await yard.goal_of({"id": "write", "run": "exit 0"}, review)
    await yard.ended(goal)
    runs = (await yard.engine.task(f"{goal}/review")).runs
    assert all(bool(run.salvage) is not bool(kept) for run in runs)
    assert [file.path for file in (await yard.engine.diff(goal)).files] == kept
