"""What is created after something was deleted gets an id of its own (R15)."""

from engine.dispatch.claims import Limits, claim, mark_started, mark_starting
from engine.dispatch.creation import NewGoal, insert_goal
from engine.ids import ID, Kind, random_id
from engine.model import GoalSpec, Runtime, TaskKind, TaskSpec
from engine.store import Database, Tx

LEAVES = tuple(TaskSpec(id=f"t{n}", title="t", kind=TaskKind.WORK, run="true") for n in range(3))
SPEC = GoalSpec(title="t", root=TaskSpec(id="root", title="root", kind=TaskKind.GROUP, tasks=LEAVES))


def delete(tx: Tx, goal: str) -> None:
    """No verb deletes a goal; somebody with the file at hand does."""
    tx.run("PRAGMA defer_foreign_keys = ON")
    for table in ("needs", "budgets", "decisions", "gates", "runs", "tasks"):
        column = "task IN (SELECT id FROM tasks WHERE goal = ?)" if table == "needs" else "goal = ?"
        tx.run(f"DELETE FROM {table} WHERE {column}", (goal,))
    tx.run("DELETE FROM goals WHERE id = ?", (goal,))


def create(tx: Tx) -> str:
    goal = random_id(Kind.GOAL)
    insert_goal(tx, NewGoal(goal, SPEC, Runtime.PROCESS, False), random_id)
    tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal,))
    return goal


async def ids(database: Database) -> set[str]:
    rows = await database.all("SELECT id FROM goals UNION SELECT id FROM tasks UNION SELECT id FROM runs")
    return {row["id"] for row in rows}


async def test_r15_what_is_created_after_a_deletion_takes_nobodys_id(database: Database) -> None:
    goals = [await database.write(create) for _ in range(3)]
    ever = await ids(database)
    assert len(ever) == 3 * 5
    for gone in (goals[1], goals[2]):  # from the middle and from the end
        await database.write(lambda tx, gone=gone: delete(tx, gone))  # type: ignore[misc]
        left = await ids(database)
        await database.write(create)
        new = await ids(database) - left
        assert len(new) == 5
        assert not new & ever
        assert all(ID.fullmatch(one) for one in new)
        ever |= new


async def test_r15_a_run_is_not_numbered_by_how_many_there_are(database: Database) -> None:
    goal = await database.write(create)
    [task] = [row["id"] for row in await database.all("SELECT id FROM tasks WHERE key = 't0'")]

    def attempt(tx: Tx) -> tuple[str, int]:
        run = claim(tx, task, Limits(4), random_id, "e-0123456789").run
        mark_starting(tx, run.id)
        mark_started(tx, run, None, adopted=False)
        tx.run("UPDATE runs SET state = 'ended', cause = 'exit' WHERE id = ?", (run.id,))
        tx.run("UPDATE tasks SET state = 'pending' WHERE id = ?", (task,))
        return run.id, run.n

    first, second = await database.write(attempt), await database.write(attempt)
    await database.write(lambda tx: tx.run("DELETE FROM runs WHERE id = ?", (first[0],)))
    third = await database.write(attempt)
    assert [first[1], second[1], third[1]] == [1, 2, 3], goal
    assert len({first[0], second[0], third[0]}) == 3
