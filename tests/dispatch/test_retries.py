"""Retry and skip: what an operator does with what failed, and what comes free by it (R2, R11, R38, R64)."""

import pytest
from scripted import Bench, goal_file

from engine.api import Answer
from engine.errors import Conflict, IllegalMove, Invalid
from engine.events import EventType
from engine.model import AnswerKind, DecisionState, GoalState, TaskState
from engine.transitions import TASK

RETRIED = {TaskState.FAILED, TaskState.BLOCKED}


def chain(*, on_failure: str = "stop") -> str:
    return goal_file(
        {"id": "build", "run": "exit 3"},
        {"id": "checks", "order": "parallel", "on_failure": on_failure, "needs": ["build"],
         "tasks": [{"id": "lint", "run": "exit 0"}, {"id": "types", "run": "exit 0", "needs": ["lint"]}]},
        {"id": "ship", "run": "exit 0", "needs": ["checks"]},
    )  # fmt: skip


async def failed(bench: Bench, source: str) -> str:
    goal = await bench.goal(source)
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    return goal.id


def mend(bench: Bench, command: str = "exit 3") -> None:
    """From now on sandboxes of this command end well."""
    end_well = bench.driver.command
    bench.driver.command = lambda name: "exit 0" if end_well(name) == command else end_well(name)  # type: ignore[method-assign]


async def test_r38_a_retry_of_a_failed_task_is_a_new_run_and_its_goal_goes_on(bench: Bench) -> None:
    goal = await failed(bench, chain())
    assert (await bench.states(goal))["ship"] == "blocked"
    mend(bench)
    reopened = await bench.engine.retry(f"{goal}/build", by="me")
    assert (reopened.state, reopened.ended_at, reopened.exit_code) == (GoalState.ACTIVE, None, None)
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert set((await bench.states(goal)).values()) == {"done"}
    assert [run.n for run in (await bench.engine.task(f"{goal}/build")).runs] == [1, 2]
    kinds = [event.type for event in await bench.events()]
    assert kinds.count(EventType.GOAL_RESUMED) == 1
    assert EventType.TASK_REOPENED in kinds


async def test_r38_a_retry_of_a_goal_or_group_retries_its_failed_leaves_and_no_other(bench: Bench) -> None:
    tasks = [{"id": "good", "run": "exit 0"}, {"id": "bad", "run": "exit 3"}, {"id": "worse", "run": "exit 3"}]
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    goal = await failed(bench, goal_file(group))
    await bench.engine.retry(f"{goal}/all")
    await bench.ended(goal)
    runs = {key: len((await bench.engine.task(f"{goal}/{key}")).runs) for key in ("good", "bad", "worse")}
    assert runs == {"good": 1, "bad": 2, "worse": 2}
    mend(bench)
    await bench.engine.retry(goal)
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_a_retry_in_a_group_that_fails_all_the_same_is_refused_and_changes_nothing(bench: Bench) -> None:
    tasks = [{"id": "bad", "run": "exit 3"}, {"id": "worse", "run": "exit 3"}]
    goal = await failed(bench, goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    before = await bench.states(goal)
    assert before == {"all": "failed", "bad": "failed", "worse": "failed"}, "both ran already when the first one failed"
    with pytest.raises(Conflict, match="all is failed all the same") as refused:
        await bench.engine.retry(f"{goal}/bad")
    assert refused.value.hint.startswith("retry all, or skip")
    assert await bench.states(goal) == before
    await bench.engine.retry(f"{goal}/all")
    await bench.ended(goal)
    assert len((await bench.engine.task(f"{goal}/worse")).runs) == 2


async def test_fresh_counts_failures_anew(bench: Bench) -> None:
    goal = await failed(bench, goal_file({"id": "bad", "run": "exit 3", "retries": 1}))
    assert (await bench.engine.task(f"{goal}/bad")).failures == 2
    await bench.engine.retry(f"{goal}/bad")
    await bench.ended(goal)
    assert len((await bench.engine.task(f"{goal}/bad")).runs) == 3, "one more run, no more"
    await bench.engine.retry(f"{goal}/bad", fresh=True)
    await bench.ended(goal)
    assert len((await bench.engine.task(f"{goal}/bad")).runs) == 5, "and its retry"


async def test_a_retry_answers_the_question_whether_it_runs_again(bench: Bench) -> None:
    source = goal_file({"id": "all", "on_failure": "ask", "tasks": [{"id": "bad", "run": "exit 3"}]})
    goal = (await bench.goal(source)).id
    await bench.waiting(goal)
    (asked,) = await bench.engine.decisions()
    mend(bench)
    await bench.engine.retry(f"{goal}/bad", by="me")
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert await bench.engine.decisions() == []
    (answered,) = [e for e in await bench.events() if e.type is EventType.DECISION_ANSWERED]
    assert (answered.data["decision"], answered.data["by"], answered.data["via"]) == (asked.id, "me", "retry")


async def test_what_is_held_by_another_names_that_one(bench: Bench) -> None:
    goal = await failed(bench, chain())
    with pytest.raises(IllegalMove, match="ship is blocked because build is failed") as refused:
        await bench.engine.retry(f"{goal}/ship")
    assert refused.value.hint == "retry or skip build"


async def test_r64_a_retried_gate_opens_anew(bench: Bench) -> None:
    goal = (await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}))).id
    await bench.waiting(goal)
    (first,) = await bench.engine.decisions()
    await bench.engine.answer(first.id, Answer(version=1, answer=AnswerKind.REJECT, feedback="no"))
    await bench.ended(goal)
    await bench.engine.retry(f"{goal}/ok")
    await bench.until(goal, lambda _, states: states["ok"] == "waiting")
    (second,) = await bench.engine.decisions()
    assert second.id != first.id


async def test_skipping_what_failed_goes_on_without_it(bench: Bench) -> None:
    goal = await failed(bench, chain())
    skipped = await bench.engine.skip(f"{goal}/build", "me")
    assert skipped.state is GoalState.ACTIVE
    assert (await bench.ended(goal)).state is GoalState.DONE
    states = await bench.states(goal)
    assert (states["build"], states["types"], states["ship"]) == ("skipped", "done", "done")
    assert (await bench.engine.task(f"{goal}/build")).cause == "skipped by me"


async def test_skipping_the_last_that_failed_ends_the_goal_well(bench: Bench) -> None:
    goal = await failed(bench, goal_file({"id": "a", "run": "exit 0"}, {"id": "b", "run": "exit 3"}))
    assert (await bench.engine.skip(f"{goal}/b")).state is GoalState.DONE


async def test_r38_skipping_one_of_two_changes_that_one_only(bench: Bench) -> None:
    source = goal_file(
        {"id": "all", "order": "parallel", "on_failure": "continue",
         "tasks": [{"id": "bad", "run": "exit 3"}, {"id": "worse", "run": "exit 3"}]},
    )  # fmt: skip
    goal = await failed(bench, source)
    assert (await bench.engine.skip(f"{goal}/bad")).state is GoalState.FAILED
    assert await bench.states(goal) == {"all": "failed", "bad": "skipped", "worse": "failed"}
    mend(bench)
    await bench.engine.retry(f"{goal}/worse")
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_a_skipped_task_frees_what_was_held_behind_it_though_its_holder_stays_failed(bench: Bench) -> None:
    source = goal_file(
        {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": [
            {"id": "first", "run": "exit 3"},
            {"id": "middle", "run": "exit 0", "needs": ["first"]},
            {"id": "leaf", "run": "hang", "needs": ["middle"]},
            {"id": "other", "run": "hang first"},
        ]},
    )  # fmt: skip
    goal = (await bench.goal(source)).id
    await bench.until(goal, lambda _, states: states["first"] == "failed" and states["other"] == "running")
    assert (await bench.states(goal))["leaf"] == "blocked"
    await bench.engine.skip(f"{goal}/middle")
    await bench.until(goal, lambda _, states: states["leaf"] == "running")
    bench.driver.finish()
    bench.driver.finish("hang first")
    assert (await bench.ended(goal)).state is GoalState.FAILED


async def test_a_task_two_failures_hold_is_freed_by_the_second_only(bench: Bench) -> None:
    source = goal_file(
        {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": [
            {"id": "one", "run": "exit 3"}, {"id": "two", "run": "exit 3"},
            {"id": "both", "run": "exit 0", "needs": ["one", "two"]}, {"id": "keep", "run": "hang"},
        ]},
    )  # fmt: skip
    goal = (await bench.goal(source)).id
    await bench.until(goal, lambda _, s: s["one"] == s["two"] == "failed" and s["keep"] == "running")
    await bench.engine.skip(f"{goal}/one")
    assert (await bench.states(goal))["both"] == "blocked"
    await bench.engine.skip(f"{goal}/two")
    await bench.until(goal, lambda _, states: states["both"] == "done")
    bench.driver.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r38_a_skipped_gate_closes_its_gate_and_its_decision(bench: Bench) -> None:
    goal = (
        await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}, {"id": "a", "run": "exit 0"}))
    ).id
    await bench.waiting(goal)
    (asked,) = await bench.engine.decisions()
    await bench.engine.skip(f"{goal}/ok", "me")
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert (await bench.engine.decision(asked.id)).decision.state is DecisionState.CANCELLED
    told = {event.type: event.data for event in await bench.events()}
    assert told[EventType.GATE_RESOLVED]["state"] == "cancelled"
    assert told[EventType.GATE_RESOLVED]["actor"] == "me"


async def test_a_group_is_not_skipped_as_a_whole(bench: Bench) -> None:
    goal = await failed(bench, chain())
    with pytest.raises(Invalid, match="checks is a group"):
        await bench.engine.skip(f"{goal}/checks")


@pytest.mark.parametrize("state", list(TaskState))
async def test_r2_skip_and_retry_refuse_what_the_table_refuses_and_name_the_state(
    bench: Bench, state: TaskState
) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}), start=False)
    task = (await bench.engine.task(f"{goal.id}/a")).id
    await bench.engine._parts.context.database.write(
        lambda tx: tx.run("UPDATE tasks SET state = ? WHERE id = ?", (state, task))
    )
    for order, legal in ((bench.engine.retry, state in RETRIED), (bench.engine.skip, TaskState.SKIPPED in TASK[state])):
        if legal:
            continue
        with pytest.raises(IllegalMove) as refused:
            await order(task)
        assert refused.value.details["state"] == state
        assert (await bench.engine.task(task)).state is state


async def test_r11_what_is_over_for_good_takes_neither(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}))
    await bench.ended(goal.id)
    for order in (bench.engine.retry, bench.engine.skip):
        with pytest.raises(IllegalMove, match="is done, which is final"):
            await order(f"{goal.id}/a")
