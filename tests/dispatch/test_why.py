"""`why`: one sentence and its facts for every hold there is, and for every end."""

from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file
from timed import FrozenClock

from engine.api import Answer, GoalOrder, SandboxOrder, StopMode
from engine.model import AnswerKind

Open = Callable[..., Awaitable[Bench]]
GATE = {"kind": "human_approval", "question": "Ship it?"}


def side_by_side(*tasks: dict[str, object]) -> dict[str, object]:
    return {"id": "group", "order": "parallel", "tasks": list(tasks)}


async def facts(bench: Bench, goal: str, key: str) -> str:
    """The sentence and the facts, one a line."""
    why = await bench.engine.why(f"{goal}/{key}")
    assert why.summary.startswith(f"{key} is {why.state}")
    return "\n".join((why.summary, *why.reasons))


@pytest.mark.parametrize(
    ("tasks", "more", "key", "says"),
    [
        ([{"id": "a", "run": "hang"}, {"id": "b", "run": "exit 0"}], {}, "b", "comes after a, which is running"),
        (
            [side_by_side({"id": "a", "run": "hang"}, {"id": "b", "needs": ["a"], "run": "exit 0"})],
            {},
            "b",
            "needs a, which is running",
        ),
        (
            [side_by_side({"id": "a", "run": "hang", "priority": 9}, {"id": "b", "run": "exit 0"})],
            {"policy": {"max_parallel": 1}},
            "b",
            "all 1 places of its goal are taken (policy.max_parallel)",
        ),
        ([{"id": "a", "run": "hang"}], {}, "a", "run 1 goes on for 0s (limits: 30m, 512 MB)"),
    ],
)
async def test_what_holds_a_task_is_told(
    opened: Open, tasks: list[dict[str, object]], more: dict[str, object], key: str, says: str
) -> None:
    bench = await opened(clock=FrozenClock())
    goal = await bench.goal(goal_file(*tasks, **more))
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    assert says in await facts(bench, goal.id, key)


async def test_the_engines_cap_and_its_spawn_window_are_told(opened: Open) -> None:
    bench = await opened(max_parallel=2, spawn_rate=1, spawn_window="1h")
    goal = await bench.goal(goal_file(side_by_side({"id": "a", "run": "hang"}, {"id": "b", "run": "hang"})))
    await bench.until(goal.id, lambda _, states: "running" in states.values())
    [held] = [key for key, state in (await bench.states(goal.id)).items() if state == "pending"]
    assert "(engine.spawn_rate)" in await facts(bench, goal.id, held)
    await bench.engine.close()
    bench = await opened(max_parallel=1)
    await bench.until(goal.id, lambda _, states: "running" in states.values())
    assert "all 1 places are taken (engine.max_parallel)" in await facts(bench, goal.id, held)


async def test_a_goal_that_is_paused_or_an_engine_that_ends_holds_a_task(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "hang"}, {"id": "b", "run": "exit 0"}))
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    await bench.engine.order_goal(goal.id, GoalOrder.PAUSE)
    assert "its goal is paused: nothing starts in it (`pilothouse resume`)" in await facts(bench, goal.id, "b")
    assert "nothing new starts in it" in "\n".join((await bench.engine.why(goal.id)).reasons)
    draft = await bench.goal(goal_file({"id": "c", "run": "exit 0"}), start=False)
    assert "its goal is draft" in await facts(bench, draft.id, "c")
    await bench.engine.order_goal(goal.id, GoalOrder.RESUME)
    ready = await bench.goal(goal_file({"id": "d", "run": "exit 0"}), start=False)
    await bench.engine.stop(StopMode.DRAIN)
    await bench.engine.start_goal(ready.id)
    assert "the engine ends as soon as what runs has ended" in await facts(bench, ready.id, "d")


async def test_the_switch_and_a_frozen_sandbox_are_told(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "hang"}, {"id": "b", "run": "exit 0"}))
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    await bench.engine.switch_dispatch(False)
    assert "dispatch is off" in await facts(bench, goal.id, "b")
    assert "dispatch is off" in "\n".join((await bench.engine.why(goal.id)).reasons)
    [box] = await bench.engine.sandboxes()
    await bench.engine.order_sandbox(box.name, SandboxOrder.FREEZE)
    assert "is frozen: it stands still" in await facts(bench, goal.id, "a")


async def test_a_gate_is_told_with_its_deadline_its_decision_and_who_closed_it(opened: Open) -> None:
    bench = await opened(clock=FrozenClock(), undo_window="5m")
    goal = await bench.goal(goal_file({"id": "ship", "gate": {**GATE, "deadline": "1h"}}))
    await bench.waiting(goal.id)
    [decision] = await bench.engine.decisions()
    held = await facts(bench, goal.id, "ship")
    assert f"waits for your answer to {decision.id} (version 1): Ship it?" in held
    assert "gate human_approval is open for 0s; its deadline comes in " in held
    assert held.endswith("then: fail")
    answer = Answer(version=1, answer=AnswerKind.APPROVE, by="ada", undoable=True)
    await bench.engine.answer(decision.id, answer)
    staged = await facts(bench, goal.id, "ship")
    assert "approve by ada takes effect in " in staged
    assert f"(`pilothouse undo {decision.id}`)" in staged
    undone = await bench.engine.undo(decision.id)
    await bench.engine.answer(decision.id, answer.model_copy(update={"version": undone.version, "undoable": False}))
    await bench.ended(goal.id)
    passed = await facts(bench, goal.id, "ship")
    assert "gate human_approval passed at " in passed
    assert passed.endswith("by ada via api")


async def test_a_retry_that_waits_for_its_time_is_told(opened: Open) -> None:
    bench = await opened(retry_backoff="10m")
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 3", "retries": 1}))
    await bench.waiting(goal.id, "timer")
    held = await facts(bench, goal.id, "a")
    assert "tries again in " in held
    assert "exit code 3" in held


@pytest.mark.parametrize(
    ("run", "more", "state", "says"),
    [
        ("exit 0", {}, "done", "exit code 0"),
        ("exit 3", {}, "failed", "exit code 3"),
        ("oom", {}, "failed", "its memory limit was 512 MB"),
        ("hang", {"timeout": "1s"}, "failed", "timeout"),
    ],
)
async def test_how_a_task_ended_is_told(bench: Bench, run: str, more: dict[str, object], state: str, says: str) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": run, "sandbox": more}))
    await bench.ended(goal.id)
    ended = await facts(bench, goal.id, "a")
    assert ended.startswith(f"a is {state}")
    assert says in ended
    why = await bench.engine.why(goal.id)
    assert f"tasks: 1 {state}" in why.reasons
    assert why.reasons[-1].startswith("ended at ")


async def test_a_blocked_task_names_its_cause_and_a_cancelled_one_by_whom(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 3"}, {"id": "b", "run": "hang"}))
    await bench.ended(goal.id)
    assert "a is failed" in await facts(bench, goal.id, "b")
    goal = await bench.goal(goal_file({"id": "a", "run": "hang"}, {"id": "b", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    await bench.engine.cancel(goal.id, "enough", by="ada")
    await bench.ended(goal.id)
    assert "cancelled by ada: enough" in await facts(bench, goal.id, "b")
    assert "cancelled by ada: enough" in (await bench.engine.why(goal.id)).summary
