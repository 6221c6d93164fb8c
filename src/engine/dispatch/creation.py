"""A parsed goal becomes rows, all of them or none."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.dispatch.limits.budget_rows import insert_budgets
from engine.dispatch.orders.goal_moves import move_goal
from engine.dispatch.steps import GOALS, PLANS, TASKS
from engine.dispatch.tree.moves import move
from engine.errors import Conflict, IllegalMove
from engine.events import EventType
from engine.goals.testers import tester_key
from engine.ids import IdSource, Kind
from engine.model import GoalSpec, GoalState, Runtime, TaskKind, TaskSpec, TaskState
from engine.store import Tx


@dataclass(frozen=True)
class NewGoal:
    """A goal that passed every check: its runtime is settled and its repository is ours. `skipped`: leaves that it is
    run without, each with the key that `by` named."""

    id: str
    spec: GoalSpec
    runtime: Runtime
    allow_unconfined: bool
    branch: str | None = None
    base_commit: str | None = None
    external_ref: str | None = None
    continues: str | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    by: str = "operator"


@dataclass(frozen=True)
class Placed:
    """A task with its id and its place in the tree; a tester has none, it stands beside the group that it `tests`."""

    spec: TaskSpec
    id: str
    parent: str | None
    position: int
    tests: str | None = None


def insert_goal(tx: Tx, new: NewGoal, ids: IdSource) -> None:
    """Store a draft goal with its whole tree; Conflict when another goal is under way for the same thing elsewhere."""
    spec = new.spec
    if new.external_ref is not None:
        refuse_second(tx.connection, new.external_ref)
    tx.run(
        GOALS["insert"],
        {
            "id": new.id, "title": spec.title, "policy": spec.policy.model_dump_json(), "runtime": new.runtime,
            "repo": spec.repo, "branch": new.branch, "base_commit": new.base_commit, "path": spec.path,
            "source": spec.source, "variables": json.dumps(spec.variables),
            "allow_unconfined": int(new.allow_unconfined), "external_ref": new.external_ref,
            "continues": new.continues, "at": tx.at,
        },
    )  # fmt: skip
    placed = _place([Placed(spec.root, ids(Kind.TASK), None, 0)], ids)
    tx.many(TASKS["insert"], [_row(task, new.id, tx.at) for task in placed])
    by_key = {task.spec.id: task.id for task in placed}
    tx.many(TASKS["insert_need"], [(task.id, by_key[need]) for task in placed for need in task.spec.needs])
    insert_budgets(tx, new.id, [(None, spec.policy.budget), *((task.id, task.spec.budget) for task in placed)])
    leaves = sum(task.spec.kind is not TaskKind.GROUP and task.tests is None for task in placed)
    origin = {} if new.continues is None else {"continues": new.continues}
    tx.emit(EventType.GOAL_CREATED, goal=new.id, title=spec.title, state=GoalState.DRAFT, leaves=leaves, **origin)
    for key, named in new.skipped.items():
        inside = "" if key == named else f", which {key} is in"
        move(tx, by_key[key], TaskState.SKIPPED, cause=f"{new.by} runs this goal without {named}{inside} (--skip)")


def refuse_second(connection: sqlite3.Connection, ref: str) -> None:
    """One external thing has at most one goal that has not ended (R17); the index refuses what comes between."""
    row = connection.execute(GOALS["live_by_external_ref"], {"ref": ref}).fetchone()
    if row is not None:
        raise Conflict(f"{row['id']} is under way for {ref!r}", hint="go on with that one", details={"goal": row["id"]})


def insert_children(
    tx: Tx, goal: str, group: str, specs: Sequence[TaskSpec], first: int, ids: IdSource
) -> dict[str, str]:
    """Store leaves of a group from position `first` on; their ids by key. A need names one of them or a sibling."""
    placed = [Placed(spec, ids(Kind.TASK), group, first + n) for n, spec in enumerate(specs)]
    tx.many(TASKS["insert"], [_row(task, goal, tx.at) for task in placed])
    by_key = {row["key"]: row["id"] for row in tx.all(PLANS["children"], {"group": group})}
    tx.many(TASKS["insert_need"], [(task.id, by_key[need]) for task in placed for need in task.spec.needs])
    return {task.spec.id: task.id for task in placed}


def insert_tree(
    tx: Tx, goal: str, group: str, specs: Sequence[TaskSpec], first: int, ids: IdSource
) -> Sequence[Placed]:
    """Store tasks with all that is in them in a group from position `first` on, the given ones first. A need names any
    task of the goal."""
    placed = _place([Placed(spec, ids(Kind.TASK), group, first + n) for n, spec in enumerate(specs)], ids)
    tx.many(TASKS["insert"], [_row(task, goal, tx.at) for task in placed])
    for task in placed:
        needed = (tx.one(TASKS["by_key"], {"goal": goal, "key": need}) for need in task.spec.needs)
        tx.many(TASKS["insert_need"], [(task.id, row["id"]) for row in needed if row is not None])
    return [task for task in placed if task.tests is None]


def start_goal(tx: Tx, goal: str) -> None:
    """A draft goal becomes active; the other ways to active are `resume` and `retry`."""
    row = tx.one(GOALS["get"], {"id": goal})
    if row is not None and row["state"] != GoalState.DRAFT:
        raise IllegalMove(f"{goal} is {row['state']}, not a draft", details={"state": row["state"]})
    move_goal(tx, goal, GoalState.ACTIVE)


def _place(placed: list[Placed], ids: IdSource) -> list[Placed]:
    """Every task with a new id, parents before children, and after them all the testers of their groups."""
    for parent in placed:  # grows while it is walked: breadth first without recursion
        for position, child in enumerate(parent.spec.tasks):
            placed.append(Placed(child, ids(Kind.TASK), parent.id, position))
    return [*placed, *(tester for group in placed for tester in _testers(group, ids))]


def _testers(group: Placed, ids: IdSource) -> Iterator[Placed]:
    """As many as may ever live at once: each takes one batch after the other, and has a run for each."""
    testers = group.spec.testers
    for number in range(1, testers.max + 1) if testers is not None else ():
        named = {"id": tester_key(group.spec.id, number), "title": f"Tester {number} of {group.spec.title}"}
        assert testers is not None
        yield Placed(testers.work.model_copy(update=named), ids(Kind.TASK), None, number, group.id)


def _row(task: Placed, goal: str, at: str) -> dict[str, object]:
    spec = task.spec
    return {
        "id": task.id, "goal": goal, "parent": task.parent, "key": spec.id, "title": spec.title,
        "description": spec.description, "kind": spec.kind,
        "position": task.position, "ordering": spec.order, "require": spec.require, "on_failure": spec.on_failure,
        "priority": spec.priority, "spec": spec.model_copy(update={"tasks": ()}).model_dump_json(),
        "agent": spec.agent, "provider": spec.provider, "pin": spec.pin, "tests": task.tests, "at": at,
    }  # fmt: skip
