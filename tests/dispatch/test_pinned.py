"""One pinned sandbox, one task at a time, and everybody is told which one (R31)."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file

from engine.api import LeftoverKind, SandboxOrder, SweepOrder
from engine.api.edits import AddTasks
from engine.errors import PilothouseError
from engine.model import GoalState
from engine.sandbox.driver import Exit

Open = Callable[..., Awaitable[Bench]]
REUSE = {"session": "reuse", "order": "parallel"}


async def sharing(bench: Bench, *tasks: dict[str, object], **policy: object) -> str:
    return (await bench.goal(goal_file(*tasks, policy=REUSE | policy))).id


async def test_r31_tasks_of_the_pinned_sandbox_run_one_at_a_time_to_the_end(bench: Bench) -> None:
    goal = await sharing(bench, *({"id": f"t{n}", "run": f"exit 0 # {n}"} for n in range(6)))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert bench.driver.busiest == 1
    assert len({spec.name for spec in bench.driver.specs}) == 6, "each run has a sandbox name of its own"


async def test_r31_who_waits_and_everything_that_tells_of_it_name_the_occupant(bench: Bench) -> None:
    goal = await sharing(bench, {"id": "first", "run": "hang", "priority": 1}, {"id": "second", "run": "exit 0"})
    view = await bench.until(goal, lambda view, states: bool(view.pinned) and states["first"] == "running")
    (pinned,) = view.pinned
    assert (pinned.task_key, pinned.pin, pinned.words) == (
        "first", "root", "first occupies the goal's sandbox (run 1)",
    )  # fmt: skip
    why = await bench.engine.why(f"{goal}/second")
    assert why.summary == "second is pending: waits for the goal's sandbox, occupied by first (run 1)"
    assert "first occupies the goal's sandbox (run 1)" in (await bench.engine.why(goal)).reasons
    (box,) = await bench.engine.sandboxes()
    assert (box.task_key, box.pin, box.run) == ("first", "root", pinned.run)
    assert not view.waiting, "it waits for nobody but a task of its own"
    bench.driver.finish()
    assert (await bench.ended(goal)).pinned == ()


async def test_r31_a_failed_start_leaves_the_busy_pinned_sandbox_and_its_occupant_alone(bench: Bench) -> None:
    works = {"id": "works", "run": "hang", "priority": 2}
    goal = await sharing(
        bench, works, {"id": "refused", "run": "refuse", "session": "spawn"}, {"id": "next", "run": "refuse"},
        on_failure="continue",
    )  # fmt: skip
    await bench.until(goal, lambda _, states: (states["works"], states["refused"]) == ("running", "blocked"))
    (before,) = (await bench.engine.status(goal)).goals[0].pinned
    assert before.task_key == "works"
    tried = len((await bench.engine.task(f"{goal}/refused")).runs)
    await bench.engine.retry(f"{goal}/refused")
    await bench.until(goal, lambda _, states: states["refused"] == "blocked")
    assert len((await bench.engine.task(f"{goal}/refused")).runs) > tried
    assert (await bench.engine.status(goal)).goals[0].pinned == (before,)
    assert list(bench.driver.alive) == [before.sandbox]
    assert (await bench.states(goal))["next"] == "pending"
    assert "occupied by works" in (await bench.engine.why(f"{goal}/next")).summary
    bench.driver.finish()
    await bench.until(goal, lambda _, states: (states["works"], states["next"]) == ("done", "blocked"))
    assert (await bench.engine.status(goal)).goals[0].pinned == (), "a start that failed occupies nothing"


async def test_r31_another_goal_and_tasks_of_their_own_wait_for_none_of_it(bench: Bench) -> None:
    one = await sharing(bench, {"id": "a", "run": "hang"}, {"id": "own", "run": "hang", "session": "spawn"})
    other = await sharing(bench, {"id": "a", "run": "hang"}, {"id": "b", "run": "exit 0"})
    await bench.until(one, lambda _, states: set(states.values()) == {"running"})
    await bench.until(other, lambda _, states: states["a"] == "running" and states["b"] == "pending")
    bench.driver.finish()
    assert [(await bench.ended(goal)).state for goal in (one, other)] == [GoalState.DONE, GoalState.DONE]


@pytest.mark.parametrize("order", ["cancel", "kill"])
async def test_r31_a_cancelled_occupant_gives_the_sandbox_to_the_next(bench: Bench, order: str) -> None:
    goal = await sharing(
        bench, {"id": "first", "run": "hang", "priority": 1}, {"id": "second", "run": "exit 0"}, on_failure="continue"
    )
    view = await bench.until(goal, lambda view, states: bool(view.pinned) and states["first"] == "running")
    if order == "cancel":
        await bench.engine.cancel(f"{goal}/first")
    else:
        await bench.engine.order_sandbox(view.pinned[0].sandbox, SandboxOrder.KILL)
    await bench.until(goal, lambda _, states: states["second"] == "done")


async def test_r31_r91_after_a_restart_the_occupant_still_holds_it(opened: Open) -> None:
    first = await opened()
    goal = await sharing(first, {"id": "a", "run": "hang", "priority": 1}, {"id": "b", "run": "exit 0"})
    await first.until(goal, lambda _, states: states["a"] == "running")
    await first.engine.close()  # its sandbox lives on
    second = await opened()
    view = await second.until(goal, lambda view, states: bool(view.pinned) and states["a"] == "running")
    assert (view.pinned[0].task_key, (await second.states(goal))["b"]) == ("a", "pending")
    second.driver.finish()
    assert (await second.ended(goal)).state is GoalState.DONE
    assert second.driver.busiest == 1


async def test_r6_r31_the_database_refuses_a_second_run_in_one_pinned_sandbox(bench: Bench) -> None:
    goal = await sharing(bench, {"id": "a", "run": "hang", "priority": 1}, {"id": "b", "run": "exit 0"})
    await bench.until(goal, lambda _, states: states["a"] == "running")
    other = (await bench.engine.task(f"{goal}/b")).id
    sql = (
        "INSERT INTO runs (id, goal, task, n, state, driver, sandbox, pin, created_at)"
        " VALUES ('r-2', ?, ?, 9, 'created', 'process', 'ph-2', 'root', '2026-01-01T00:00:00+00:00')"
    )
    with pytest.raises(Exception, match=r"UNIQUE constraint failed: runs\.goal, runs\.pin") as refused:
        await bench.engine._parts.context.database.write(lambda tx: tx.run(sql, (goal, other)))
    assert isinstance(refused.value, sqlite3.IntegrityError) or isinstance(
        refused.value.__cause__, sqlite3.IntegrityError
    )
    bench.driver.finish()


async def test_r31_each_run_finds_what_the_one_before_left_and_the_end_leaves_nothing(bench: Bench) -> None:
    seen: list[list[str]] = []
    wait = bench.driver.wait

    async def working(name: str) -> Exit:
        (spec,) = [spec for spec in bench.driver.specs if spec.name == name]
        seen.append(sorted(path.name for path in spec.workspace.iterdir()))
        (spec.workspace / f"by-{len(seen)}").touch()
        return await wait(name)  # type: ignore[arg-type]

    bench.driver.wait = working  # type: ignore[method-assign,assignment]
    tasks = [{"id": "a", "run": "exit 0"}, {"id": "own", "run": "exit 0", "session": "spawn"},
             {"id": "b", "run": "exit 1", "retries": 1}]  # fmt: skip
    goal = (await bench.goal(goal_file(*tasks, policy={"session": "reuse", "on_failure": "continue"}))).id
    assert (await bench.ended(goal)).state is GoalState.FAILED
    assert seen == [[], [], ["by-1"], ["by-1", "by-3"]]
    folder = bench.driver.work_folder("r-x").parent
    await bench.engine._parts.live.ended()
    (rest,) = folder.iterdir()
    assert sorted(path.name for path in rest.iterdir()) == ["by-1", "by-3", "by-4"]
    swept = await bench.engine.gc(SweepOrder())
    assert [(left.kind, left.name, left.removed) for left in swept.leftovers] == [(LeftoverKind.WORK, str(rest), True)]
    assert list(folder.iterdir()) == []


async def test_r31_a_goal_that_is_done_leaves_no_folder(bench: Bench) -> None:
    goal = await sharing(bench, {"id": "a", "run": "exit 0"}, {"id": "b", "run": "exit 0"})
    await bench.ended(goal)
    await bench.engine._parts.live.ended()
    assert list(bench.driver.work_folder("r-x").parent.iterdir()) == []


async def test_r31_a_start_that_is_slow_holds_the_sandbox_too(bench: Bench) -> None:
    bench.driver.slow_start = asyncio.Event()
    goal = await sharing(bench, {"id": "a", "run": "exit 0", "priority": 1}, {"id": "b", "run": "exit 0"})
    view = await bench.until(goal, lambda view, states: bool(view.pinned) and states["a"] == "claimed")
    assert view.pinned[0].task_key == "a"
    bench.driver.slow_start.set()
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert bench.driver.busiest == 1


async def test_r31_tasks_that_are_added_share_it_too(bench: Bench) -> None:
    goal = (
        await bench.goal(goal_file({"id": "a", "run": "hang"}, policy={"session": "reuse", "order": "parallel"}))
    ).id
    await bench.until(goal, lambda view, states: bool(view.pinned) and states["a"] == "running")
    source = '[{"id": "b", "run": "exit 0"}, {"id": "own", "run": "exit 0", "session": "spawn"}]'
    await bench.engine.add_tasks(goal, AddTasks(source=source))
    await bench.until(goal, lambda _, states: states["own"] == "done")
    assert "occupied by a" in (await bench.engine.why(f"{goal}/b")).summary
    lost = '[{"id": "c", "run": "exit 0", "session": "auto", "continues": "own", "needs": ["own"]}]'
    with pytest.raises(PilothouseError, match="`own` has a sandbox of its own, and nothing of it is kept"):
        await bench.engine.add_tasks(goal, AddTasks(source=lost))
    bench.driver.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE
