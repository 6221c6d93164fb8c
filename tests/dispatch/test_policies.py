"""What a failure does to its group, and how places are shared (R22, R25, R35)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from scripted import Bench, goal_file

from engine.api import Answer, Snapshot
from engine.events import Event, EventType
from engine.model import AnswerKind, DecisionKind, GoalState

Open = Callable[..., Awaitable[Bench]]


def group(policy: str, failing: int, size: int = 4, run: str = "exit 1") -> str:
    """A parallel group whose first tasks fail."""
    tasks = [
        {"id": f"t{n}", "run": run if n < failing else "exit 0", "priority": 9 if n < failing else 0}
        for n in range(size)
    ]
    return goal_file({"id": "all", "order": "parallel", "on_failure": policy, "tasks": tasks})


TABLE: Sequence[tuple[str, int, GoalState, int, list[str]]] = [
    ("stop", 0, GoalState.DONE, 4, ["done"] * 4),
    ("stop", 1, GoalState.FAILED, 1, ["failed", "blocked", "blocked", "blocked"]),
    ("stop", 2, GoalState.FAILED, 1, ["failed", "blocked", "blocked", "blocked"]),
    ("continue", 0, GoalState.DONE, 4, ["done"] * 4),
    ("continue", 1, GoalState.FAILED, 4, ["failed", "done", "done", "done"]),
    ("continue", 2, GoalState.FAILED, 4, ["failed", "failed", "done", "done"]),
    ("ask", 0, GoalState.DONE, 4, ["done"] * 4),
]


@pytest.mark.parametrize(("policy", "failing", "end", "starts", "states"), TABLE)
async def test_r35_each_policy_does_what_it_says(
    opened: Open, policy: str, failing: int, end: GoalState, starts: int, states: list[str]
) -> None:
    bench = await opened(max_parallel=1)
    goal = await bench.goal(group(policy, failing))
    assert (await bench.ended(goal.id)).state is end
    found = await bench.states(goal.id)
    assert [found[f"t{n}"] for n in range(4)] == states
    assert len(bench.driver.specs) == starts
    assert await bench.engine.decisions() == []


@pytest.mark.parametrize("failing", [1, 2])
async def test_r35_ask_asks_about_each_failure_and_lets_the_others_run(opened: Open, failing: int) -> None:
    bench = await opened(max_parallel=1)
    goal = await bench.goal(group("ask", failing))
    await bench.waiting(goal.id)
    decisions = await bench.engine.decisions()
    assert [decision.kind for decision in decisions] == [DecisionKind.FAILURE] * failing
    found = await bench.states(goal.id)
    assert [found[f"t{n}"] for n in range(4)] == ["blocked"] * failing + ["done"] * (4 - failing)
    for decision in decisions:
        answer = Answer(version=decision.version, answer=AnswerKind.REJECT, feedback="enough")
        await bench.engine.answer(decision.id, answer)
    assert (await bench.ended(goal.id)).state is GoalState.FAILED


@pytest.mark.parametrize("policy", ["stop", "continue", "ask"])
@pytest.mark.parametrize("failing", [1, 2])
async def test_r35_a_start_that_fails_never_harms_its_siblings(opened: Open, policy: str, failing: int) -> None:
    bench = await opened(max_parallel=1, infra_retries=0)
    goal = await bench.goal(group(policy, failing, run="refuse"))
    await bench.waiting(goal.id)
    found = await bench.states(goal.id)
    assert [found[f"t{n}"] for n in range(4)] == ["blocked"] * failing + ["done"] * (4 - failing)
    kinds = [decision.kind for decision in await bench.engine.decisions()]
    assert kinds == [DecisionKind.SPAWN_FAILURE] * failing


async def end_of(bench: Bench, goal: str) -> None:
    """Until the goal has ended, looking at nothing but its events."""
    async with asyncio.timeout(60):
        updates = bench.engine.subscribe()
        try:
            async for update in updates:
                ended = isinstance(update, Event) and update.type is EventType.GOAL_ENDED and update.goal == goal
                if ended or (isinstance(update, Snapshot) and not unended(update, goal)):
                    return
        finally:
            await updates.aclose()  # type: ignore[attr-defined]


def unended(snapshot: Snapshot, goal: str) -> bool:
    return any(view.id == goal and view.ended_at is None for view in snapshot.status.goals)


async def test_case_16_r22_500_parallel_leaves_at_4(opened: Open) -> None:
    bench = await opened(max_parallel=4)
    goal = await bench.goal(group("stop", 0, 500))
    await end_of(bench, goal.id)
    assert (await bench.engine.status(goal.id)).goals[0].state is GoalState.DONE
    assert (len(bench.driver.specs), bench.driver.peak <= 4) == (500, True)


async def test_r25_many_ends_at_once_never_let_too_many_follow(opened: Open) -> None:
    bench = await opened(max_parallel=4)
    tasks = [{"id": f"t{n:02}", "run": "hang"} for n in range(16)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    for ended in range(0, 16, 4):
        await bench.until(
            goal.id,
            lambda _, states, ended=ended: (  # type: ignore[misc]
                list(states.values()).count("done") == ended and list(states.values()).count("running") == 5
            ),
        )
        bench.driver.finish()
    await bench.ended(goal.id)
    assert bench.driver.peak == 4


async def test_goals_take_turns_where_one_place_is_left(opened: Open) -> None:
    bench = await opened(max_parallel=1)
    first = await bench.goal(goal_file({"id": "first", "run": "hang"}))
    await bench.until(first.id, lambda _, states: states["first"] == "running")
    goals = [(await bench.goal(group("stop", 0, 4))).id for _ in range(3)]
    bench.driver.finish()
    for goal in goals:
        await bench.ended(goal)
    order = [spec.labels["pilothouse.goal"] for spec in bench.driver.specs][1:]
    assert [set(order[n : n + 3]) for n in range(0, 12, 3)] == [set(goals)] * 4


async def test_places_are_shared_fairly_between_goals(opened: Open) -> None:
    bench = await opened(max_parallel=2)
    big = await bench.goal(group("stop", 0, 30))
    small = await bench.goal(group("stop", 0, 8))
    await bench.ended(small.id)
    await bench.ended(big.id)
    order = [spec.labels["pilothouse.goal"] == small.id for spec in bench.driver.specs]
    between = order[order.index(True) : len(order) - order[::-1].index(True)]
    assert between.count(True) == 8
    assert between.count(False) <= 10
