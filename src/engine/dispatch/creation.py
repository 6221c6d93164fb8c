"""A parsed goal becomes rows, all of them or none."""

import json
from dataclasses import dataclass

from engine.dispatch.goal_moves import move_goal
from engine.dispatch.steps import GOALS, TASKS
from engine.errors import IllegalMove
from engine.events import EventType
from engine.ids import IdSource, Kind
from engine.model import GoalSpec, GoalState, Runtime, TaskKind, TaskSpec
from engine.store import Tx


@dataclass(frozen=True)
class NewGoal:
    """A goal that passed every check: its runtime is settled and its repository is ours."""

    id: str
    spec: GoalSpec
    runtime: Runtime
    allow_unconfined: bool
    branch: str | None = None
    base_commit: str | None = None


@dataclass(frozen=True)
class _Placed:
    spec: TaskSpec
    id: str
    parent: str | None
    position: int


def insert_goal(tx: Tx, new: NewGoal, ids: IdSource) -> None:
    """Store a draft goal with its whole tree."""
    spec = new.spec
    tx.run(
        GOALS["insert"],
        {
            "id": new.id, "title": spec.title, "policy": spec.policy.model_dump_json(), "runtime": new.runtime,
            "repo": spec.repo, "branch": new.branch, "base_commit": new.base_commit, "path": spec.path,
            "source": spec.source, "variables": json.dumps(spec.variables),
            "allow_unconfined": int(new.allow_unconfined), "at": tx.at,
        },
    )  # fmt: skip
    placed = _place(spec.root, ids)
    tx.many(TASKS["insert"], [_row(task, new.id, tx.at) for task in placed])
    by_key = {task.spec.id: task.id for task in placed}
    tx.many(TASKS["insert_need"], [(task.id, by_key[need]) for task in placed for need in task.spec.needs])
    leaves = sum(task.spec.kind is not TaskKind.GROUP for task in placed)
    tx.emit(EventType.GOAL_CREATED, goal=new.id, title=spec.title, state=GoalState.DRAFT, leaves=leaves)


def start_goal(tx: Tx, goal: str) -> None:
    """A draft goal becomes active; the other ways to active are `resume` and `retry`."""
    row = tx.one(GOALS["get"], {"id": goal})
    if row is not None and row["state"] != GoalState.DRAFT:
        raise IllegalMove(f"{goal} is {row['state']}, not a draft", details={"state": row["state"]})
    move_goal(tx, goal, GoalState.ACTIVE)


def _place(root: TaskSpec, ids: IdSource) -> list[_Placed]:
    """Every task with a new id, parents before children."""
    placed = [_Placed(root, ids(Kind.TASK), None, 0)]
    for parent in placed:  # grows while it is walked: breadth first without recursion
        for position, child in enumerate(parent.spec.tasks):
            placed.append(_Placed(child, ids(Kind.TASK), parent.id, position))
    return placed


def _row(task: _Placed, goal: str, at: str) -> dict[str, object]:
    spec = task.spec
    return {
        "id": task.id, "goal": goal, "parent": task.parent, "key": spec.id, "title": spec.title, "kind": spec.kind,
        "position": task.position, "ordering": spec.order, "require": spec.require, "on_failure": spec.on_failure,
        "priority": spec.priority, "spec": spec.model_copy(update={"tasks": ()}).model_dump_json(), "at": at,
    }  # fmt: skip
