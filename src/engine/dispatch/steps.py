"""The smallest writes of dispatch: one task's guarded move with its event, and what it reads for that."""

from datetime import datetime
from typing import Any

from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model import TaskKind, TaskState
from engine.store import TaskMoved, Tx, named_queries, stamp
from engine.transitions import TASK, require_move

GOALS, TASKS, RUNS = named_queries("goals"), named_queries("tasks"), named_queries("runs")
GATES, DECISIONS = named_queries("gates"), named_queries("decisions")

EVENT_OF: dict[TaskState, EventType] = {
    TaskState.PENDING: EventType.TASK_PENDING,
    TaskState.CLAIMED: EventType.TASK_CLAIMED,
    TaskState.RUNNING: EventType.TASK_STARTED,
    TaskState.WAITING: EventType.TASK_WAITING,
    TaskState.REVIEW: EventType.TASK_REVIEW,
    TaskState.BLOCKED: EventType.TASK_BLOCKED,
    TaskState.DONE: EventType.TASK_DONE,
    TaskState.FAILED: EventType.TASK_FAILED,
    TaskState.CANCELLED: EventType.TASK_CANCELLED,
    TaskState.SKIPPED: EventType.TASK_SKIPPED,
}
DEAD = (TaskState.FAILED, TaskState.CANCELLED)


def brief(tx: Tx, task: str) -> dict[str, Any]:
    """The columns a move needs; NotFound when there is no such task."""
    row = tx.one(TASKS["brief"], {"id": task})
    if row is None:
        raise NotFound(f"no task {task}")
    return dict(row)


def leaves(tx: Tx, task: str) -> list[dict[str, Any]]:
    """The leaf itself, or all leaves under a group."""
    row = brief(tx, task)
    if row["kind"] != TaskKind.GROUP:
        return [row]
    return [dict(below) for below in tx.all(TASKS["descendants"], {"id": task})]


def change(
    tx: Tx,
    row: dict[str, Any],
    to: TaskState,
    *,
    cause: str | None = None,
    held_by: str | None = None,
    not_before: datetime | None = None,
    run: str | None = None,
) -> None:
    """Move one leaf by its table, guarded by state and version; `row` is brought up to date."""
    was = TaskState(row["state"])
    require_move(TASK, was, to, row["key"])
    values = {
        "id": row["id"], "frm": was, "to": to, "seen": row["version"], "at": tx.at, "cause": cause,
        "held_by": held_by, "not_before": None if not_before is None else stamp(not_before),
    }  # fmt: skip
    if tx.run(TASKS["move"], values) != 1:
        raise Conflict(f"{row['key']} is no longer {was}", hint="read it again")
    row["state"], row["version"], row["held_by"] = to, row["version"] + 1, held_by
    tx.moved.append(TaskMoved(row["id"], row["goal"], was, to, not_before))
    data = {"key": row["key"], "state": to, "version": row["version"]}
    if cause is not None:
        data["cause"] = cause
    if not_before is not None:
        data["not_before"] = stamp(not_before)
    reopened = to is TaskState.PENDING and was in (TaskState.DONE, TaskState.FAILED, TaskState.REVIEW)
    kind = EventType.TASK_REOPENED if reopened else EVENT_OF[to]
    tx.emit(kind, goal=row["goal"], task=row["id"], run=run, **data)
