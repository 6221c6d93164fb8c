"""Only the newest run of a task counts: whatever comes late from an older one changes nothing (R93)."""

from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file

from engine.api import SandboxOrder
from engine.dispatch.claims import mark_started, mark_starting
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.errors import Conflict, PilothouseError
from engine.model import ExitCause, GoalState, RunRecord
from engine.store.rows import run_from

Open = Callable[..., Awaitable[Bench]]
LATE = {
    "done": Ending(ExitCause.EXIT, "exit 0", exit_code=0),
    "failed": Ending(ExitCause.EXIT, "exit 1", exit_code=1),
    "lost": Ending(ExitCause.LOST, "gone"),
    "cancelled": Ending(ExitCause.CANCELLED, "stopped"),
}


async def second_run(bench: Bench) -> tuple[str, RunRecord]:
    """A goal whose task runs for the second time, and its first run."""
    goal = await bench.goal(goal_file({"id": "only", "run": "hang", "retries": 1}))
    await bench.until(goal.id, lambda _, states: states["only"] == "running")
    bench.driver.alive[bench.driver.specs[0].name].set()  # it dies of a signal nobody sent
    await bench.until(goal.id, lambda _, states: len(bench.driver.specs) == 2 and states["only"] == "running")
    database = bench.engine._parts.context.database
    first, _ = [run_from(row) for row in await database.all("SELECT * FROM runs ORDER BY n")]
    await bench.engine._parts.live.gone(first.id)  # its sandbox is removed, and that is told
    return goal.id, first


async def everything(bench: Bench) -> list[tuple[object, ...]]:
    database = bench.engine._parts.context.database
    tables = ("goals", "tasks", "runs", "decisions", "gates", "events")
    return [tuple(row) for table in tables for row in await database.all(f"SELECT * FROM {table} ORDER BY rowid")]


@pytest.mark.parametrize("late", LATE)
async def test_case_12_r93_a_late_end_of_the_run_before_changes_nothing(bench: Bench, late: str) -> None:
    goal, first = await second_run(bench)
    context = bench.engine._parts.context
    policy = Policy(context.settings.engine, context.ids, context.random)
    before = await everything(bench)
    assert await context.database.write(lambda tx: end_run(tx, first, LATE[late], policy)) is False
    assert await everything(bench) == before
    bench.driver.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_case_12_r93_a_late_start_of_the_run_before_changes_nothing(bench: Bench) -> None:
    goal, first = await second_run(bench)
    database = bench.engine._parts.context.database
    before = await everything(bench)
    with pytest.raises(Conflict):
        await database.write(lambda tx: mark_starting(tx, first.id))
    with pytest.raises(Conflict):
        await database.write(lambda tx: mark_started(tx, first, "id-late", adopted=False))
    assert await everything(bench) == before
    bench.driver.finish()
    await bench.ended(goal)


@pytest.mark.parametrize("order", [SandboxOrder.FREEZE, SandboxOrder.THAW, SandboxOrder.KILL])
async def test_r93_an_order_to_the_run_before_reaches_no_newer_one(bench: Bench, order: SandboxOrder) -> None:
    goal, first = await second_run(bench)
    before = await everything(bench)
    with pytest.raises(PilothouseError):
        await bench.engine.order_sandbox(first.id, order)
    assert await everything(bench) == before
    assert bench.driver.frozen == bench.driver.stopped == set()
    bench.driver.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE
