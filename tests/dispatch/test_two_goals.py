"""Every order to one of two goals leaves the rows of the other as they are (R23)."""

from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file

from engine.api import Answer, GoalOrder, SandboxOrder
from engine.model import AnswerKind

Open = Callable[..., Awaitable[Bench]]
Order = Callable[[Bench, str], Awaitable[object]]
TABLES = ("tasks", "runs", "gates", "decisions")


async def answered(bench: Bench, goal: str) -> object:
    (asked,) = [decision for decision in await bench.engine.decisions() if decision.goal == goal and
                decision.task_key == "asks"]  # fmt: skip
    return await bench.engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))


async def task_cancelled(bench: Bench, goal: str) -> object:
    await bench.engine.cancel(f"{goal}/runs")
    return await bench.until(goal, lambda _, states: states["runs"] == "cancelled")


async def undone(bench: Bench, goal: str) -> object:
    (asked,) = [decision for decision in await bench.engine.decisions() if decision.goal == goal and
                decision.task_key == "asks"]  # fmt: skip
    staged = Answer(version=asked.version, answer=AnswerKind.APPROVE, undoable=True)
    await bench.engine.answer(asked.id, staged)
    return await bench.engine.undo(asked.id)


def at_sandbox(*orders: SandboxOrder) -> Order:
    async def carried_out(bench: Bench, goal: str) -> None:
        (box,) = [box for box in await bench.engine.sandboxes() if box.goal == goal]
        for order in orders:
            await bench.engine.order_sandbox(box.name, order)

    return carried_out


ORDERS: dict[str, Order] = {
    **{str(order): lambda bench, goal, order=order: bench.engine.order_goal(goal, order)  # type: ignore[misc]
       for order in (GoalOrder.PAUSE, GoalOrder.DRAIN)},
    "cancel": lambda bench, goal: bench.engine.cancel(goal),
    "cancel a task": task_cancelled,
    "retry": lambda bench, goal: bench.engine.retry(f"{goal}/blocked"),
    "retry fresh": lambda bench, goal: bench.engine.retry(f"{goal}/blocked", fresh=True),
    "skip": lambda bench, goal: bench.engine.skip(f"{goal}/blocked"),
    "answer": answered,
    "undo": undone,
    "freeze and thaw": at_sandbox(SandboxOrder.FREEZE, SandboxOrder.THAW),
    "kill": at_sandbox(SandboxOrder.KILL),
}  # fmt: skip


async def begun(bench: Bench) -> str:
    """A goal with a task that runs, one that is blocked, a gate that waits, and one that comes later."""
    tasks = [
        {"id": "runs", "run": "hang"}, {"id": "blocked", "run": "refuse"},
        {"id": "asks", "gate": {"kind": "human_approval"}},
        {"id": "later", "run": "hang later", "needs": ["runs", "blocked", "asks"]},
    ]  # fmt: skip
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    goal = (await bench.goal(goal_file(group))).id
    wanted = {"runs": "running", "blocked": "blocked", "asks": "waiting"}
    await bench.until(goal, lambda _, states: wanted.items() <= states.items())
    for run in (await bench.engine.task(f"{goal}/blocked")).runs:
        await bench.engine._parts.live.gone(run.id)  # with everything that is told of its end
    return goal


async def rows_of(bench: Bench, goal: str) -> list[tuple[object, ...]]:
    database = bench.engine._parts.context.database
    found = [tuple(row) for row in await database.all("SELECT * FROM goals WHERE id = ?", (goal,))]
    for table in TABLES:
        rows = await database.all(f"SELECT * FROM {table} WHERE goal = ? ORDER BY rowid", (goal,))
        found += [tuple(row) for row in rows]
    return found


@pytest.mark.parametrize("name", ORDERS)
async def test_r23_an_order_to_one_goal_leaves_the_other_as_it_is(opened: Open, name: str) -> None:
    bench = await opened(infra_retries=0, breaker_losses=1000)
    ordered, other = await begun(bench), await begun(bench)
    before = await rows_of(bench, other)
    seq = bench.engine._parts.context.database.last_seq
    await ORDERS[name](bench, ordered)
    assert await rows_of(bench, other) == before
    told = [event for event in await bench.events() if event.seq > seq]
    assert {event.goal for event in told} - {None} == {ordered}  # it did something, and to this goal alone
    (box,) = [box for box in await bench.engine.sandboxes() if box.goal == other]
    assert not bench.driver.alive[box.name].is_set()


async def test_r23_a_resume_of_one_goal_leaves_the_other_paused(opened: Open) -> None:
    bench = await opened(infra_retries=0, breaker_losses=1000)
    ordered, other = await begun(bench), await begun(bench)
    for goal in (ordered, other):
        await bench.engine.order_goal(goal, GoalOrder.PAUSE)
    before = await rows_of(bench, other)
    await bench.engine.order_goal(ordered, GoalOrder.RESUME)
    assert await rows_of(bench, other) == before
