"""A gate that a signal fails sends the work before it back, at most so many times, then a human decides (F90)."""

import pytest
from asked import answer
from judges import JudgeDriver, write
from outside import HEAD, OTHER, send
from scripted import Bench, goal_file

from engine.errors import Conflict
from engine.model import AnswerKind, DecisionKind

CI: dict[str, object] = {"kind": "gh_ci", "repo": "o/r", "pr": 12, "poll": False}
ONCE: dict[str, object] = {"rework": "write", "max_cycles": 1}
AFTER: dict[str, object] = {"id": "after", "run": "exit 0 after"}


async def waiting(bench: Bench, goal: str, driver: JudgeDriver, runs: int) -> None:
    """Until the gate is open after so many runs."""
    await bench.until(goal, lambda _, states: states["ci"] == "waiting" and len(driver.specs) == runs)


async def at_ci(bench: Bench, driver: JudgeDriver, gate: dict[str, object] | None = None, **more: object) -> str:
    goal = await bench.goal(goal_file(write(), {"id": "ci", "gate": gate or CI, "on_reject": {**ONCE, **more}}, AFTER))
    await waiting(bench, goal.id, driver, 1)
    return goal.id


async def fail(bench: Bench, head: str = HEAD) -> None:
    await send(bench, "gh_ci", "fail", repo="o/r", pr=12, head_sha=head, data={"summary": "unit tests failed"})


async def test_f90_a_failed_check_sends_back_with_its_words_then_asks(bench: Bench, driver: JudgeDriver) -> None:
    goal = await at_ci(bench, driver)
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    [text] = driver.feedback("write 2")
    assert text.startswith("ci: gh_ci failed, as ")
    assert text.endswith("unit tests failed")
    await fail(bench, OTHER)
    await bench.waiting(goal)
    [decision] = await bench.engine.decisions()
    assert (decision.kind, decision.task_key) == (DecisionKind.REWORK, "ci")
    assert "after 1 round of rework" in decision.question
    assert await bench.states(goal) == {"write": "done", "ci": "blocked", "after": "pending"}


@pytest.mark.parametrize(
    ("kind", "state", "ends"),
    [(AnswerKind.APPROVE, "skipped", "done"), (AnswerKind.REJECT, "failed", "failed")],
)
async def test_f90_what_a_human_says_after_the_last_round(
    bench: Bench, driver: JudgeDriver, kind: AnswerKind, state: str, ends: str
) -> None:
    goal = await at_ci(bench, driver)
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    await fail(bench, OTHER)
    await bench.waiting(goal)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, kind, feedback="so be it"))
    assert (await bench.ended(goal)).state == ends
    assert (await bench.states(goal))["ci"] == state


async def test_f90_one_more_round_opens_the_gate_anew(bench: Bench, driver: JudgeDriver) -> None:
    goal = await at_ci(bench, driver)
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    await fail(bench, OTHER)
    await bench.waiting(goal)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="try the cache"))
    await waiting(bench, goal, driver, 3)
    assert "try the cache" in driver.feedback("write 3")
    await send(bench, "gh_ci", repo="o/r", pr=12, head_sha="c" * 40)
    assert (await bench.ended(goal)).state == "done"


async def test_f90_then_fail_asks_nobody(bench: Bench, driver: JudgeDriver) -> None:
    goal = await at_ci(bench, driver, then="fail")
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    await fail(bench, OTHER)
    assert (await bench.ended(goal)).state == "failed"
    assert await bench.engine.decisions() == []


async def test_r65_the_signal_that_sent_it_back_never_meets_the_next_opening(bench: Bench, driver: JudgeDriver) -> None:
    goal = await at_ci(bench, driver)
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    assert (await bench.states(goal))["ci"] == "waiting"
    review = (await bench.engine.task(f"{goal}/ci")).judging
    assert review is not None
    assert review.rounds == 1


async def test_f90_a_human_who_rejects_in_a_compound_gate_ends_it(bench: Bench, driver: JudgeDriver) -> None:
    both: dict[str, object] = {"kind": "all", "gates": [CI, {"kind": "human_approval"}]}
    goal = await at_ci(bench, driver, both)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.REJECT, feedback="never"))
    assert (await bench.ended(goal)).state == "failed"


async def test_f90_a_member_that_fails_sends_back_the_whole_and_takes_its_question_along(
    bench: Bench, driver: JudgeDriver
) -> None:
    both: dict[str, object] = {"kind": "all", "gates": [CI, {"kind": "human_approval"}]}
    goal = await at_ci(bench, driver, both)
    [first] = await bench.engine.decisions()
    await fail(bench)
    await waiting(bench, goal, driver, 2)
    [second] = await bench.engine.decisions()
    assert second.id != first.id
    with pytest.raises(Conflict):
        await bench.engine.answer(first.id, answer(first))


async def test_f90_what_a_human_sends_back_is_no_round_of_the_gate(bench: Bench, driver: JudgeDriver) -> None:
    both: dict[str, object] = {"kind": "all", "gates": [CI, {"kind": "human_approval"}]}
    goal = await at_ci(bench, driver, both)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="shorter"))
    await waiting(bench, goal, driver, 2)
    await fail(bench)
    await waiting(bench, goal, driver, 3)
    assert [text.partition(":")[0] for text in driver.feedback("write 3")] == ["shorter", "ci"]
