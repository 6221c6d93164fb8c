"""Rework on a verdict: rounds and their end (R87), several judges (R88), what runs again (R89)."""

from collections.abc import Awaitable, Callable
from itertools import permutations

import pytest
from asked import answer, told
from judges import YES, JudgeDriver, judge, no, together, write
from scripted import Bench, goal_file

from engine.dispatch.rework.objections import WAITS
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, FailureClass

CHECK: dict[str, object] = {"id": "check", "run": "exit 0 check"}
SHIP: dict[str, object] = {"id": "ship", "run": "exit 0 ship"}
Open = Callable[..., Awaitable[Bench]]


async def runs(bench: Bench, goal: str) -> dict[str, int]:
    return {
        key: len((await bench.engine.task(f"{goal}/{key}")).runs) for key in await bench.states(goal) if key != "root"
    }


async def order(bench: Bench) -> list[str]:
    """Which tasks were claimed, in order."""
    return [str(event.data["key"]) for event in await told(bench, EventType.TASK_CLAIMED)]


async def test_r89_write_check_review_object_and_the_check_runs_again(bench: Bench, driver: JudgeDriver) -> None:
    finding = {"file": "a.py", "line": 3, "severity": "high", "text": "no test"}
    driver.says["review"] = [no(findings=[finding]), YES]
    gate = {"id": "ok", "gate": {"kind": "human_approval"}}
    goal = await bench.goal(goal_file(write(), CHECK, judge(), gate))
    await bench.waiting(goal.id)
    assert await order(bench) == ["write", "check", "review", "write", "check", "review"]
    assert driver.feedback("write 2") == ["review: say it louder\n- a.py:3 (high): no test"]
    [given] = driver.inputs["write 2"]["feedback"]
    assert (given["task"], given["findings"]) == ("review", [finding])
    assert driver.feedback("check 2") == driver.feedback("review 2") == []
    review, written = await bench.engine.task(f"{goal.id}/review"), await bench.engine.task(f"{goal.id}/write")
    assert [run.failure_class for run in review.runs] == [FailureClass.NONE, FailureClass.NONE]
    assert (review.failures, written.failures, written.state) == (0, 0, "done")
    [round_] = await told(bench, EventType.TASK_REWORK)
    assert (round_.data["key"], round_.data["target"], round_.data["round"]) == ("review", "write", 1)
    assert [event.data["passed"] for event in await told(bench, EventType.TASK_VERDICT)] == [False, True]


async def test_r89_what_rests_on_it_runs_again_near_and_far_and_nothing_else(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no(), YES]
    group = {"id": "far", "tasks": [{"id": "inner", "run": "exit 0 inner"}]}
    side = {"id": "side", "run": "exit 0 side"}
    docs = {"id": "docs", "run": "exit 0 docs", "needs": ["write"]}
    wrap = {"id": "wrap", "tasks": [{"id": "first", "run": "exit 0 first"}, write()]}
    rest = {"id": "rest", "tasks": [group, judge(), SHIP]}
    both = {"id": "both", "order": "parallel", "tasks": [{"id": "line", "tasks": [wrap, rest]}, side, docs]}
    goal = await bench.goal(goal_file(both))
    assert (await bench.ended(goal.id)).state == "done"
    found = await runs(bench, goal.id)
    assert {key: found[key] for key in ("first", "write", "inner", "review", "ship", "side", "docs")} == {
        "first": 1, "write": 2, "inner": 2, "review": 2, "ship": 1, "side": 1, "docs": 2,
    }  # fmt: skip


async def test_r89_gates_in_between_open_anew(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no(), YES]
    gate = {"id": "look", "gate": {"kind": "human_approval"}}
    goal = await bench.goal(goal_file(write(), gate, judge()))
    await bench.waiting(goal.id)
    [first] = await bench.engine.decisions()
    await bench.engine.answer(first.id, answer(first))
    await bench.until(goal.id, lambda view, states: states["look"] == "waiting" and len(driver.specs) == 3)
    [second] = await bench.engine.decisions()
    assert second.id != first.id
    await bench.engine.answer(second.id, answer(second))
    assert (await bench.ended(goal.id)).state == "done"


async def test_r87_at_max_cycles_a_decision_opens_and_nothing_goes_on(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no()]
    tasks = [write(), judge(on_reject={"rework": "write", "max_cycles": 2, "then": "ask"}), SHIP]
    goal = await bench.goal(goal_file(*tasks))
    await bench.waiting(goal.id)
    assert await runs(bench, goal.id) == {"write": 3, "review": 3, "ship": 0}
    assert await bench.states(goal.id) == {"write": "done", "review": "review", "ship": "pending"}
    [decision] = await bench.engine.decisions()
    assert (decision.kind, decision.task_key) == (DecisionKind.REWORK, "review")
    assert decision.options == (AnswerKind.APPROVE, AnswerKind.REJECT, AnswerKind.CHANGES)
    assert "after 2 rounds of rework" in decision.question


async def stuck(bench: Bench, driver: JudgeDriver, **more: object) -> str:
    """A goal at the end of its one round."""
    driver.says["review"] = [no()]
    goal = await bench.goal(goal_file(write(), judge(on_reject={"rework": "write", "max_cycles": 1, **more}), SHIP))
    await bench.until(goal.id, lambda view, _: view.waiting or view.ended_at is not None)
    return goal.id


async def test_r87_accepted_as_it_is_goes_on(bench: Bench, driver: JudgeDriver) -> None:
    goal = await stuck(bench, driver)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision))
    assert (await bench.ended(goal)).state == "done"
    assert await runs(bench, goal) == {"write": 2, "review": 2, "ship": 1}
    assert (await bench.engine.task(f"{goal}/review")).cause == "accepted as it is by ann"


async def test_r87_one_more_round_is_one_and_has_the_human_s_words(bench: Bench, driver: JudgeDriver) -> None:
    goal = await stuck(bench, driver)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="use the short form"))
    await bench.until(goal, lambda view, _: view.waiting and len(driver.specs) == 6)
    assert driver.feedback("write 3") == ["review: say it louder", "use the short form", "review: say it louder"]
    [again] = await bench.engine.decisions()
    assert (again.kind, again.id != decision.id) == (DecisionKind.REWORK, True)
    assert "after 2 rounds" in again.question


async def test_r87_stop_fails_the_task_with_the_reason(bench: Bench, driver: JudgeDriver) -> None:
    goal = await stuck(bench, driver)
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision, AnswerKind.REJECT, feedback="not worth it"))
    view = await bench.ended(goal)
    assert (view.state, view.exit_code) == ("failed", 6)
    assert (await bench.engine.task(f"{goal}/review")).cause == "rejected: not worth it"


async def test_r87_then_fail_asks_nobody(bench: Bench, driver: JudgeDriver) -> None:
    goal = await stuck(bench, driver, then="fail")
    assert (await bench.ended(goal)).state == "failed"
    assert await bench.engine.decisions() == []
    assert await runs(bench, goal) == {"write": 2, "review": 2, "ship": 0}


async def test_r87_the_count_of_rounds_survives_a_restart(opened: Open, bench: Bench, driver: JudgeDriver) -> None:
    goal = await stuck(bench, driver)
    await bench.engine.close()
    again = await opened()
    again.engine._parts.context.drivers = {driver.name: driver}
    [decision] = await again.engine.decisions()
    await again.engine.answer(decision.id, answer(decision, AnswerKind.CHANGES, feedback="once more"))
    await again.until(goal, lambda view, _: view.waiting and len(driver.specs) == 6)
    assert "after 2 rounds" in (await again.engine.decisions())[0].question


async def test_a_no_without_on_reject_fails_the_task_and_is_not_asked_again(bench: Bench, driver: JudgeDriver) -> None:
    driver.says["review"] = [no()]
    task = {"id": "review", "run": "true review", "verdict": "review", "retries": 3}
    goal = await bench.goal(goal_file(write(), task, SHIP))
    assert (await bench.ended(goal.id)).state == "failed"
    assert await runs(bench, goal.id) == {"write": 1, "review": 1, "ship": 0}


async def test_f89_a_command_that_checks_sends_back_by_its_exit_code_with_what_it_printed(
    bench: Bench, driver: JudgeDriver
) -> None:
    driver.codes["check"] = [1, 127, 0]
    task = {"id": "check", "run": "print two errors", "on_reject": {"rework": "write"}, "retries": 1}
    goal = await bench.goal(goal_file(write(), task))
    assert (await bench.ended(goal.id)).state == "done"
    assert await runs(bench, goal.id) == {"write": 2, "check": 3}, "a shell that found no command judged nothing"
    [text] = driver.feedback("write 2")
    assert text.endswith("two errors")
    check = await bench.engine.task(f"{goal.id}/check")
    assert [run.failure_class for run in check.runs] == [FailureClass.NONE, FailureClass.AGENT, FailureClass.NONE]


async def test_f89_a_list_of_checks_sends_back_what_failed(bench: Bench, driver: JudgeDriver) -> None:
    bad = {"name": "lint", "passed": False, "output": "a.py:1 unused"}
    good = {"name": "unit", "passed": True}
    driver.says["check"] = [{"all_passed": False, "checks": [good, bad]}, {"all_passed": True, "checks": [good]}]
    goal = await bench.goal(goal_file(write(), judge("check", verdict="checks")))
    assert (await bench.ended(goal.id)).state == "done"
    assert driver.feedback("write 2") == ["check: - lint failed\na.py:1 unused"]


SAID: dict[str, object] = {"yes": YES, "no": no(), "garbage": "{"}


@pytest.mark.parametrize("ends", list(permutations(["yes", "no", "garbage"])))
async def test_r88_under_all_every_order_of_yes_no_and_garbage_re_opens_the_work(
    bench: Bench, driver: JudgeDriver, ends: tuple[str, ...]
) -> None:
    for key in ends:
        driver.says[key] = [SAID[key], YES]
    judges = [judge(key, run="hang") for key in ends]
    goal = await bench.goal(goal_file(write(), together(*judges), SHIP))
    await bench.until(goal.id, lambda _, states: all(states[key] == "running" for key in ends))
    for key in ends:
        assert (await runs(bench, goal.id))["write"] == 1, "the others have not ended"
        driver.finish(f"hang {key}")
        await bench.until(goal.id, lambda _, states, key=key: states[key] != "running")  # type: ignore[misc]
    await bench.until(goal.id, lambda _, states: states["yes"] == states["no"] == "running")
    assert driver.feedback("write 2") == ["no: say it louder"]
    [decision] = await bench.engine.decisions()
    assert (decision.task_key, decision.kind) == ("garbage", DecisionKind.FAILURE)
    await bench.engine.answer(decision.id, answer(decision))
    await bench.until(goal.id, lambda _, states: states["garbage"] == "running")
    for key in ends:
        driver.finish(f"hang {key}")
    assert (await bench.ended(goal.id)).state == "done"
    assert await runs(bench, goal.id) == {"write": 2, "reviews": 0, "yes": 2, "no": 2, "garbage": 2, "ship": 1}


async def test_r88_the_words_of_every_reviewer_stand_in_the_next_run_and_are_one_round(
    bench: Bench, driver: JudgeDriver
) -> None:
    driver.says = {"one": [no("shorter"), YES], "two": [no("louder"), YES]}
    goal = await bench.goal(goal_file(write(), together(judge("one", run="hang"), judge("two", run="hang"))))
    await bench.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    driver.finish("hang one")
    await bench.until(goal.id, lambda _, states: states["one"] == "blocked")
    assert WAITS in (await bench.engine.why(f"{goal.id}/one")).summary
    driver.finish("hang two")
    await bench.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    assert sorted(driver.feedback("write 2")) == ["one: shorter", "two: louder"]
    assert await runs(bench, goal.id) == {"write": 2, "reviews": 0, "one": 2, "two": 2}


@pytest.mark.parametrize(("require", "noes", "rounds"), [("any", 1, 0), ("2", 1, 0), ("2", 2, 1), ("any", 3, 1)])
async def test_r88_a_group_that_needs_some_is_done_by_so_many_yes_and_sends_back_when_they_cannot_come(
    bench: Bench, driver: JudgeDriver, require: str, noes: int, rounds: int
) -> None:
    for n in range(3):
        driver.says[f"r{n}"] = [no() if n < noes else YES, YES]
    judges = [judge(f"r{n}", run="hang") for n in range(3)]
    goal = await bench.goal(goal_file(write(), together(*judges, require=require), SHIP))
    await bench.until(goal.id, lambda _, states: all(states[f"r{n}"] == "running" for n in range(3)))
    for n in range(3):
        driver.finish(f"hang r{n}")
        await bench.until(goal.id, lambda _, states, n=n: states[f"r{n}"] != "running")  # type: ignore[misc]
    if rounds:
        await bench.until(goal.id, lambda _, states: all(states[f"r{n}"] == "running" for n in range(3)))
        for n in range(3):
            driver.finish(f"hang r{n}")
    assert (await bench.ended(goal.id)).state == "done"
    assert (await bench.engine.task(f"{goal.id}/write")).runs[-1].n == 1 + rounds
    assert (await bench.states(goal.id))["ship"] == "done"


async def test_r88_garbage_alone_never_makes_up_the_number(bench: Bench, driver: JudgeDriver) -> None:
    driver.says = {"one": [YES], "two": ["{"], "three": ["{"]}
    goal = await bench.goal(goal_file(write(), together(judge("one"), judge("two"), judge("three"), require="2"), SHIP))
    await bench.waiting(goal.id)
    assert {d.task_key for d in await bench.engine.decisions()} == {"two", "three"}
    assert (await bench.states(goal.id))["ship"] == "pending"


async def test_r88_a_judge_that_is_skipped_can_no_more_outvote_another(bench: Bench, driver: JudgeDriver) -> None:
    driver.says = {"one": [no(), YES], "two": [YES], "three": ["{"]}
    goal = await bench.goal(goal_file(write(), together(judge("one"), judge("two"), judge("three"), require="2"), SHIP))
    await bench.waiting(goal.id)
    assert (await bench.states(goal.id))["one"] == "blocked"
    await bench.engine.skip(f"{goal.id}/three")
    assert (await bench.ended(goal.id)).state == "done"
    assert await runs(bench, goal.id) == {"write": 2, "reviews": 0, "one": 2, "two": 2, "three": 1, "ship": 1}


async def test_r87_a_judge_at_its_limit_holds_the_rounds_of_the_others(bench: Bench, driver: JudgeDriver) -> None:
    driver.says = {"one": [no("a"), no("b"), YES], "two": [YES, no("c"), YES]}
    limited = {"rework": "write", "max_cycles": 1}
    goal = await bench.goal(goal_file(write(), together(judge("one", on_reject=limited), judge("two")), SHIP))
    await bench.waiting(goal.id)
    states = await bench.states(goal.id)
    assert (states["one"], states["two"], states["write"]) == ("review", "blocked", "done")
    [decision] = await bench.engine.decisions()
    await bench.engine.answer(decision.id, answer(decision))
    assert (await bench.ended(goal.id)).state == "done"
    assert driver.feedback("write 3") == ["one: a", "two: c"]


async def test_r91_an_objection_that_waits_is_taken_up_by_the_next_engine(
    opened: Open, bench: Bench, driver: JudgeDriver
) -> None:
    driver.says = {"one": [no()], "two": [YES]}
    goal = await bench.goal(goal_file(write(), together(judge("one", run="hang"), judge("two", run="hang"))))
    await bench.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    driver.finish("hang one")
    await bench.until(goal.id, lambda _, states: states["one"] == "blocked")
    await bench.engine.close()
    again = await opened()  # it knows nothing of the sandbox of `two`, which is lost
    await again.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    assert await runs(again, goal.id) == {"write": 2, "reviews": 0, "one": 2, "two": 2}
    assert len(await told(again, EventType.TASK_REWORK)) == 1


async def test_r28_what_waits_in_a_goal_that_has_failed_sends_nothing_back(bench: Bench, driver: JudgeDriver) -> None:
    driver.says = {"one": [no()]}
    other = {"id": "two", "run": "hang two", "needs": ["write"]}
    goal = await bench.goal(goal_file(write(), together(judge("one", run="hang"), other, on_failure="stop")))
    await bench.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    driver.finish("hang one")
    await bench.until(goal.id, lambda _, states: states["one"] == "blocked")
    driver.codes["two"] = [1]
    driver.finish("hang two")
    assert (await bench.ended(goal.id)).state == "failed"
    await bench.ended((await bench.goal(goal_file({"id": "next", "run": "exit 0"}))).id)  # more passes
    states = await bench.states(goal.id)
    assert (states["write"], states["one"], states["two"]) == ("done", "blocked", "failed")
    assert await bench.engine.decisions() == []


async def test_r96_a_cancelled_goal_has_no_round_left(bench: Bench, driver: JudgeDriver) -> None:
    driver.says = {"one": [no()], "two": [no()]}
    goal = await bench.goal(goal_file(write(), together(judge("one", run="hang"), judge("two", run="hang"))))
    await bench.until(goal.id, lambda _, states: states["one"] == states["two"] == "running")
    driver.finish("hang one")
    await bench.until(goal.id, lambda _, states: states["one"] == "blocked")
    await bench.engine.cancel(goal.id)
    assert (await bench.ended(goal.id)).state == "cancelled"
    assert await runs(bench, goal.id) == {"write": 1, "reviews": 0, "one": 1, "two": 1}
    assert await told(bench, EventType.TASK_REWORK) == []
