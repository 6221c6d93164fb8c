"""What starts when: order, needs, caps (R18, R22, R25, R26)."""

from collections.abc import Awaitable, Callable

from scripted import Bench, goal_file

from engine.events import EventType
from engine.model import GoalState


async def test_a_goal_runs_to_its_end(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}, {"id": "b", "run": "exit 0"}))
    ended = await bench.ended(goal.id)
    assert ended.state is GoalState.DONE
    assert ended.progress == (2, 2)
    assert ended.exit_code == 0


async def test_r9_a_goal_without_tasks_is_a_leaf_and_runs(bench: Bench) -> None:
    import json

    goal = await bench.goal(json.dumps({"goal": "just this", "runtime": "process", "run": "exit 0"}))
    assert (await bench.ended(goal.id)).progress == (1, 1)


async def test_r26_sequential_tasks_start_after_their_earlier_siblings(bench: Bench) -> None:
    goal = await bench.goal(goal_file(*({"id": f"t{n}", "run": f"exit 0 # {n}"} for n in range(5))))
    await bench.ended(goal.id)
    assert [spec.argv[-1] for spec in bench.driver.specs] == [f"exit 0 # {n}" for n in range(5)]
    order = [e.data["key"] for e in await bench.events() if e.type in (EventType.TASK_STARTED, EventType.TASK_DONE)]
    leaves = [key for key in order if str(key).startswith("t")]
    assert leaves == [f"t{n}" for n in range(5) for _ in range(2)]


async def test_case_16_r22_r25_parallel_leaves_never_exceed_the_cap(opened: Callable[..., Awaitable[Bench]]) -> None:
    bench = await opened(max_parallel=4)
    leaves = [{"id": f"t{n}", "run": "exit 0"} for n in range(60)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": leaves}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert 1 < bench.driver.peak <= 4


async def test_r25_a_goals_own_cap_holds(bench: Bench) -> None:
    leaves = [{"id": f"t{n}", "run": "exit 0"} for n in range(9)]
    source = goal_file({"id": "all", "order": "parallel", "tasks": leaves}, policy={"max_parallel": 1})
    await bench.ended((await bench.goal(source)).id)
    assert bench.driver.busiest == 1


async def test_needs_are_met_first_and_nothing_else_is_waited_for(bench: Bench) -> None:
    goal = await bench.goal(
        goal_file(
            {
                "id": "all",
                "order": "parallel",
                "tasks": [
                    {"id": "slow", "run": "hang"},
                    {"id": "quick", "run": "exit 0"},
                    {"id": "after", "run": "exit 0", "needs": ["quick"]},
                ],
            }
        )
    )
    await bench.until(goal.id, lambda _, states: states["after"] == "done" and states["slow"] == "running")
    bench.driver.finish()


async def test_r22_a_full_window_empties_when_time_advances(opened: Callable[..., Awaitable[Bench]]) -> None:
    bench = await opened(spawn_rate=2, spawn_window=0.2, max_parallel=10)
    leaves = [{"id": f"t{n}", "run": "exit 0"} for n in range(5)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": leaves}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_priority_then_what_it_unblocks_decides_the_order(opened: Callable[..., Awaitable[Bench]]) -> None:
    bench = await opened(max_parallel=1)
    tasks = [
        {"id": "plain", "run": "exit 0 # plain"},
        {"id": "unblocks", "run": "exit 0 # unblocks"},
        {"id": "first", "run": "exit 0 # first", "priority": 5},
        {"id": "later", "run": "exit 0 # later", "needs": ["unblocks"]},
    ]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    await bench.ended(goal.id)
    words = [spec.argv[-1].split("# ")[1] for spec in bench.driver.specs]
    assert words == ["first", "unblocks", "plain", "later"]
