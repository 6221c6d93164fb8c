"""A verdict that is missing, malformed, contradictory or old is a failed review (R86); a refused one is none (R90)."""

import json
import os
import re
from pathlib import Path

import pytest
from asked import answer
from judges import YES, JudgeDriver, judge, no, write
from scripted import Bench, goal_file
from voices import seen, voice_of

from engine.errors import Invalid
from engine.model import AnswerKind, DecisionKind, ExitCause, FailureClass, VerdictKind
from engine.sandbox_api.outbox import LARGEST, read_verdict
from engine.sandbox_api.verdicts import document, judgement

PASSED = {"name": "unit", "passed": True}
FAILED = {"name": "lint", "passed": False, "output": "a.py:1"}


UNSOUND: list[tuple[str, object, str]] = [
    ("review", "", "is no JSON"),
    ("review", "[]", "is no JSON object"),
    ("review", '{"verdict": "approved"', "is no JSON"),
    ("review", {}, "verdict: Field required"),
    ("review", {"verdict": "APPROVED"}, "verdict: Input should be 'approved' or 'needs_revision'"),
    ("review", {"verdict": True}, "verdict: Input should be"),
    ("review", {"verdict": "needs_revision", "summary": "no"}, "needs_revision without `feedback`"),
    ("review", {"verdict": "needs_revision", "feedback": " \n"}, "needs_revision without `feedback`"),
    ("review", {**YES, "findings": "none"}, "findings: Input should be"),
    ("review", {**YES, "all_passed": True}, "`all_passed` has no meaning"),
    ("review", '{"verdict": "needs_revision", "feedback": "x", "verdict": "approved"}', "a field is there twice"),
    ("review", '{"verdict": "approved", "n": NaN}', "is no JSON"),
    ("review", "[" * 100_000, "is no JSON"),
    ("checks", {"all_passed": True}, "checks: Field required"),
    ("checks", {"all_passed": True, "checks": []}, "checks: Tuple should have at least 1 item"),
    ("checks", {"all_passed": "yes", "checks": [PASSED]}, "all_passed: Input should be a valid boolean"),
    (
        "checks",
        {"all_passed": True, "checks": [PASSED, FAILED]},
        "`all_passed` is true, and of its checks failed: lint",
    ),
    ("checks", {"all_passed": False, "checks": [PASSED]}, "`all_passed` is false, and of its checks failed: none"),
    ("checks", YES, "`verdict` has no meaning"),
]


@pytest.mark.parametrize(("kind", "said", "why"), UNSOUND, ids=[f"{kind} {why[:40]}" for kind, _, why in UNSOUND])
def test_r86_nothing_in_a_verdict_is_forgiven(kind: str, said: object, why: str) -> None:
    text = said if isinstance(said, str) else json.dumps(said)
    with pytest.raises(Invalid, match=re.escape(why)):
        judgement(VerdictKind(kind), document(text.encode()))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "it wrote no $PILOTHOUSE_OUTBOX/verdict.json"),
        ("approved", "is no JSON"),
        ({"verdict": "needs_revision", "summary": "no"}, "needs_revision without `feedback`"),
    ],
    ids=["missing", "malformed", "contradictory"],
)
async def test_r86_a_review_without_a_sound_verdict_is_tried_again_then_a_human_is_asked(
    bench: Bench, driver: JudgeDriver, said: object, why: str
) -> None:
    driver.says["review"] = [said]
    goal = await bench.goal(goal_file(write(), judge(retries=1), {"id": "ship", "run": "exit 0"}))
    await bench.waiting(goal.id)
    review = await bench.engine.task(f"{goal.id}/review")
    assert [(run.cause, run.exit_code, run.failure_class) for run in review.runs] == [
        (ExitCause.VERDICT_MISSING, 0, FailureClass.AGENT)
    ] * 2
    assert why in str(review.runs[1].message)
    [decision] = await bench.engine.decisions()
    assert (decision.kind, decision.task_key) == (DecisionKind.FAILURE, "review")
    assert await bench.states(goal.id) == {"write": "done", "review": "blocked", "ship": "pending"}


async def test_r86_a_review_that_fails_is_asked_about_and_its_file_counts_for_nothing(
    bench: Bench, driver: JudgeDriver
) -> None:
    driver.says["review"], driver.codes["review"] = [YES], [3, 0]
    goal = await bench.goal(goal_file(write(), judge()))
    await bench.waiting(goal.id)
    review = await bench.engine.task(f"{goal.id}/review")
    assert (review.state, review.runs[0].cause) == ("blocked", ExitCause.EXIT)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision))
    assert (await bench.ended(goal.id)).state == "done"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "large"])
def test_r86_what_is_no_plain_file_of_a_bounded_size_is_not_read(kind: str, tmp_path: Path) -> None:
    place, outside = tmp_path / "verdict.json", tmp_path / "yes"
    outside.write_text(json.dumps(YES))
    match kind:
        case "link":
            place.symlink_to(outside)
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            place.write_text(" " * LARGEST + json.dumps(YES))
    letter = read_verdict(tmp_path)
    assert letter is not None
    assert (letter.content, bool(letter.refused)) == (b"", True)
    assert read_verdict(tmp_path / "nowhere") is None


async def test_r86_a_verdict_of_an_earlier_run_is_none_of_this_one(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [YES, None]
    tasks = [write(), judge(requires_approval=True), {"id": "ship", "run": "exit 0"}]
    goal = await bench.goal(goal_file(*tasks, policy={"session": "reuse"}))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    first = (await bench.engine.task(f"{goal.id}/review")).runs[0]
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="look again"))
    await bench.until(goal.id, lambda _, states: states["review"] == "blocked")
    second = (await bench.engine.task(f"{goal.id}/review")).runs[1]
    assert (second.cause, first.pin, second.pin) == (ExitCause.VERDICT_MISSING, "root", "root")


async def test_r86_file_and_complete_have_to_agree(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [YES]
    goal = await bench.goal(goal_file(write(), judge(run="hang")))
    await bench.until(goal.id, lambda _, states: states["review"] == "running")
    await voice_of(bench, "review").post("complete", **no())
    driver.finish("hang review")
    await bench.waiting(goal.id)
    [run] = (await bench.engine.task(f"{goal.id}/review")).runs
    assert run.cause is ExitCause.VERDICT_MISSING
    assert "contradict each other" in str(run.message)


REFUSED: dict[str, list[dict[str, object]]] = {
    "review": [
        {"verdict": "maybe"},
        {"verdict": "needs_revision", "summary": "no"},
        {"all_passed": True, "checks": [PASSED]},
        {**YES, "unknown": 1},
        {**YES, "checks": []},
    ],
    "checks": [{"all_passed": True, "checks": [FAILED]}, {"all_passed": True}, YES],
    "exit": [YES],
}
GOOD: dict[str, dict[str, object]] = {
    "review": YES,
    "checks": {"all_passed": True, "checks": [PASSED]},
    "exit": {"summary": "done"},
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_r90_a_refused_complete_moves_nothing_and_fires_nothing_and_a_better_one_goes_on(
    bench: Bench, driver: JudgeDriver, kind: str
) -> None:
    goal = await bench.goal(goal_file(write(), judge(run="hang", verdict=kind)))
    await bench.until(goal.id, lambda _, states: states["review"] == "running")
    await seen(bench, "sandbox.removed")  # the last that is told of the run before
    before, review = len(await bench.events()), voice_of(bench, "review")
    for said in REFUSED[kind]:
        assert (await review.refused("complete", **said))[0] in (400, 422)
        assert len(await bench.events()) == before
    await review.post("complete", **GOOD[kind])
    driver.finish("hang review")
    assert (await bench.ended(goal.id)).state == "done"


async def test_r90_a_refused_complete_alone_is_no_verdict(bench: Bench, driver: JudgeDriver) -> None:
    goal = await bench.goal(goal_file(write(), judge(run="hang")))
    await bench.until(goal.id, lambda _, states: states["review"] == "running")
    await voice_of(bench, "review").refused("complete", verdict="approved", checks=[])
    driver.finish("hang review")
    await bench.waiting(goal.id)
    assert (await bench.states(goal.id))["review"] == "blocked"


async def test_r56_secrets_are_cut_out_of_a_verdict_file(bench: Bench, driver: JudgeDriver) -> None:
    token = "ghp_" + "a" * 36
    driver.says["review"] = [no(f"remove {token}"), YES]
    goal = await bench.goal(goal_file(write(), judge()))
    await bench.ended(goal.id)
    [told] = driver.feedback("write 2")
    assert "remove [redacted" in told
    assert token not in json.dumps([event.model_dump(mode="json") for event in await bench.events()])


async def test_r86_the_verdict_of_a_run_that_was_sent_back_meanwhile_does_not_count(
    bench: Bench, driver: JudgeDriver
) -> None:
    driver.says["review"] = [YES]
    both = [
        judge(run="hang", needs=["write"]),
        {"id": "look", "needs": ["write"], "gate": {"kind": "human_approval", "rework": "write"}},
    ]
    goal = await bench.goal(goal_file(write(), *both, policy={"order": "parallel"}))
    await bench.until(goal.id, lambda _, states: states["review"] == "running" and states["look"] == "waiting")
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="more"))
    await bench.until(goal.id, lambda _, states: states["write"] == "done" and states["look"] == "waiting")
    assert (await bench.states(goal.id))["review"] == "running", "on the work before"
    driver.finish("hang review")
    await bench.until(goal.id, lambda _, states: states["review"] == "running" and len(driver.specs) == 4)
    assert (await bench.states(goal.id))["look"] == "waiting"
