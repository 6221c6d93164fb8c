"""How runs end and what follows: classes, retries, groups, cancel (R24, R28-R30, R32, R34, R48, R96)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file

from engine.api import Answer
from engine.dispatch.endings.ending import Ending
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, ExitCause, FailureClass, GoalState, TaskState


@pytest.mark.parametrize(
    ("cause", "code", "expected"),
    [
        (ExitCause.EXIT, 0, FailureClass.NONE),
        (ExitCause.EXIT, 1, FailureClass.AGENT),
        (ExitCause.EXIT, None, FailureClass.AGENT),
        (ExitCause.SIGNAL, 139, FailureClass.AGENT),
        (ExitCause.OOM, 0, FailureClass.AGENT),
        (ExitCause.TIMEOUT, 137, FailureClass.AGENT),
        (ExitCause.IDLE, 137, FailureClass.AGENT),
        (ExitCause.VERDICT_MISSING, 0, FailureClass.AGENT),
        (ExitCause.BUDGET, 137, FailureClass.AGENT),
        (ExitCause.LOST, None, FailureClass.INFRA),
        (ExitCause.START_ERROR, None, FailureClass.INFRA),
        (ExitCause.RATE_LIMIT, 1, FailureClass.RATE_LIMIT),
        (ExitCause.CANCELLED, 143, FailureClass.OPERATOR),
    ],
)
def test_r32_each_end_is_in_exactly_one_class(cause: ExitCause, code: int | None, expected: FailureClass) -> None:
    assert Ending(cause, "", exit_code=code).failure_class() is expected


async def test_a_failing_task_fails_its_goal_and_blocks_what_needs_it(bench: Bench) -> None:
    goal = await bench.goal(
        goal_file(
            {
                "id": "all",
                "order": "parallel",
                "on_failure": "continue",
                "tasks": [
                    {"id": "bad", "run": "exit 3"},
                    {"id": "child", "run": "exit 0", "needs": ["bad"]},
                    {"id": "free", "run": "exit 0"},
                ],
            },
            {"id": "after", "run": "exit 0"},
        )
    )
    ended = await bench.ended(goal.id)
    assert ended.state is GoalState.FAILED
    assert ended.exit_code == 1
    states = await bench.states(goal.id)
    assert states == {"all": "failed", "bad": "failed", "child": "blocked", "free": "done", "after": "blocked"}
    assert "bad is failed" in (await bench.engine.why(f"{goal.id}/child")).summary  # R29


async def test_stop_starts_nothing_more_in_the_group(opened: Callable[..., Awaitable[Bench]]) -> None:
    bench = await opened(max_parallel=1)
    tasks = [{"id": "bad", "run": "exit 1", "priority": 1}, *({"id": f"t{n}", "run": "exit 0"} for n in range(4))]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "on_failure": "stop", "tasks": tasks}))
    await bench.ended(goal.id)
    assert len(bench.driver.specs) == 1


async def test_any_is_done_with_its_first_and_ends_the_rest(bench: Bench) -> None:
    tasks = [{"id": "slow", "run": "hang"}, {"id": "quick", "run": "hang quick"}]
    goal = await bench.goal(goal_file({"id": "one", "order": "parallel", "require": "any", "tasks": tasks}))
    await bench.until(goal.id, lambda _, states: states["slow"] == states["quick"] == "running")
    bench.driver.finish("hang quick")
    ended = await bench.ended(goal.id)
    assert ended.state is GoalState.DONE
    assert (await bench.states(goal.id))["slow"] == "cancelled"
    assert len(bench.driver.stopped) == 1


async def test_agent_failures_are_tried_again_and_counted(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "flaky", "run": "exit 1", "retries": 2}))
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    task = await bench.engine.task(f"{goal.id}/flaky")
    assert [run.n for run in task.runs] == [1, 2, 3]
    assert task.failures == 3
    assert len({run.sandbox for run in task.runs}) == 3


async def test_r30_a_start_that_fails_waits_then_asks_and_never_spins(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "never", "run": "refuse"}))
    view = await bench.waiting(goal.id)
    assert [w.kind for w in view.waiting_on] == ["decision"]
    task = await bench.engine.task(f"{goal.id}/never")
    assert task.state is TaskState.BLOCKED
    assert len(task.runs) == 3  # infra_retries (2) and the first
    assert {run.cause for run in task.runs} == {ExitCause.START_ERROR}
    assert task.failures == 0  # R34: the agent's counter is untouched
    (decision,) = await bench.engine.decisions()
    assert decision.kind is DecisionKind.SPAWN_FAILURE
    answer = Answer(version=decision.version, answer=AnswerKind.REJECT, feedback="give up")
    await bench.engine.answer(decision.id, answer)
    assert (await bench.ended(goal.id)).state is GoalState.FAILED


async def test_a_lost_sandbox_is_infra_and_runs_again(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "gone", "run": "lost"}))
    await bench.waiting(goal.id)
    runs = (await bench.engine.task(f"{goal.id}/gone")).runs
    assert [run.cause for run in runs] == [ExitCause.LOST] * 3


async def test_r48_oom_names_the_limit_on_screen_and_in_why(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "hungry", "run": "oom", "sandbox": {"memory": "64m"}}))
    await bench.ended(goal.id)
    (run,) = (await bench.engine.task(f"{goal.id}/hungry")).runs
    assert run.oom
    assert run.cause is ExitCause.OOM
    why = await bench.engine.why(f"{goal.id}/hungry")
    assert "64 MB" in " ".join(why.reasons)
    assert EventType.SANDBOX_OOM in {event.type for event in await bench.events()}


async def test_r96_cancel_ends_what_runs_and_starts_nothing_more(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, {"id": "next", "run": "exit 0"}))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await bench.engine.cancel(goal.id, "enough")
    ended = await bench.ended(goal.id)
    assert ended.state is GoalState.CANCELLED
    assert set((await bench.states(goal.id)).values()) == {"cancelled"}
    (run,) = (await bench.engine.task(f"{goal.id}/long")).runs
    assert run.cause is ExitCause.CANCELLED
    assert len(bench.driver.specs) == 1


async def test_r24_cancel_while_a_start_is_in_flight_leaves_no_sandbox(bench: Bench) -> None:
    bench.driver.slow_start = asyncio.Event()
    goal = await bench.goal(goal_file({"id": "slow", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["slow"] == "claimed")
    await bench.engine.cancel(goal.id)
    bench.driver.slow_start.set()
    assert (await bench.ended(goal.id)).state is GoalState.CANCELLED
    await bench.engine._parts.live.ended()
    assert bench.driver.alive == {}


async def test_cancelling_one_task_ends_only_it(bench: Bench) -> None:
    tasks = [{"id": "a", "run": "hang a"}, {"id": "b", "run": "hang b"}]
    goal = await bench.goal(
        goal_file({"id": "all", "order": "parallel", "on_failure": "continue", "require": "any", "tasks": tasks})
    )
    await bench.until(goal.id, lambda _, states: states["a"] == states["b"] == "running")
    await bench.engine.cancel(f"{goal.id}/a")
    await bench.until(goal.id, lambda _, states: states["a"] == "cancelled")
    assert (await bench.states(goal.id))["b"] == "running"
    bench.driver.finish("hang b")
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r28_a_goal_never_ends_while_a_run_of_it_lives(bench: Bench) -> None:
    tasks = [{"id": "bad", "run": "exit 1"}, {"id": "slow", "run": "hang"}]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    view = await bench.until(goal.id, lambda _, states: states["bad"] == "failed" and states["slow"] == "running")
    assert view.state is GoalState.ACTIVE
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    ends = [event for event in await bench.events() if event.type is EventType.GOAL_ENDED]
    assert len(ends) == 1


async def test_ask_blocks_with_a_decision_and_approve_runs_it_again(bench: Bench) -> None:
    tasks = [{"id": "bad", "run": "exit 1"}]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "on_failure": "ask", "tasks": tasks}))
    await bench.waiting(goal.id)
    (decision,) = await bench.engine.decisions()
    assert decision.kind is DecisionKind.FAILURE
    await bench.engine.answer(decision.id, Answer(version=1, answer=AnswerKind.APPROVE))
    await bench.until(goal.id, lambda view, _: view.waiting and view.waiting_on[0].id != decision.id)
    assert len((await bench.engine.task(f"{goal.id}/bad")).runs) == 2
