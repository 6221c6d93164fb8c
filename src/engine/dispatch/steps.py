"""The smallest writes of dispatch: one task's guarded move with its event, and what it reads for that."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model import FINAL_TASK_STATES, TaskKind, TaskRecord, TaskState
from engine.store import TaskMoved, Tx, named_queries, stamp
from engine.store.rows import columns_of, task_from
from engine.transitions import TASK, require_move

GOALS, TASKS, RUNS = named_queries("goals"), named_queries("tasks"), named_queries("runs")
GATES, DECISIONS = named_queries("gates"), named_queries("decisions")
AGENTS, CHECKPOINTS = named_queries("agents"), named_queries("checkpoints")
LEASES, MESSAGES = named_queries("leases"), named_queries("messages")
PLANS, TREES = named_queries("plans"), named_queries("trees")
SIGNALS, VERDICTS, TESTERS = named_queries("signals"), named_queries("verdicts"), named_queries("testers")

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
Moving = tuple[dict[str, Any], str | None]
"""A leaf's row, and the run that moves it."""


def brief(tx: Tx, task: str) -> dict[str, Any]:
    """The columns a move needs; NotFound when there is no such task."""
    row = tx.one(TASKS["brief"], {"id": task})
    if row is None:
        raise NotFound(f"no task {task}")
    return columns_of(row)


def briefs(tx: Tx, tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same of several tasks, by id."""
    return {row["id"]: columns_of(row) for row in tx.all(TASKS["briefs"], {"ids": json.dumps(tasks)})}


def stored_task(tx: Tx, task: str) -> TaskRecord:
    """The whole of a task; NotFound when there is no such one."""
    row = tx.one(TASKS["get"], {"id": task})
    if row is None:
        raise NotFound(f"no task {task}")
    return task_from(row)


def leaves(tx: Tx, task: str) -> list[dict[str, Any]]:
    """The leaf itself, or all leaves under a group."""
    row = brief(tx, task)
    if row["kind"] != TaskKind.GROUP:
        return [row]
    return [columns_of(below) for below in tx.all(TREES["descendants"], {"id": task})]


def line(tx: Tx, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A task and the groups it is in, the innermost first."""
    yield task
    while task["parent"] is not None:
        task = brief(tx, task["parent"])
        yield task


def is_in(tx: Tx, task: dict[str, Any], group: str) -> bool:
    """Whether a task is that group, or somewhere in it."""
    return any(here["id"] == group for here in line(tx, task))


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
    change_all(tx, [(row, run)], to, cause=cause, held_by=held_by, not_before=not_before)


def change_all(
    tx: Tx,
    moving: Sequence[Moving],
    to: TaskState,
    *,
    cause: str | None = None,
    held_by: str | None = None,
    not_before: datetime | None = None,
) -> None:
    """Move each of these leaves, or raise when one is not what its row says; the rows are brought up to date."""
    for row, _ in moving:
        row["state"] = TaskState(row["state"])
        require_move(TASK, row["state"], to, row["key"])
    until = None if not_before is None else stamp(not_before)
    values = {
        "rows": json.dumps([(row["id"], row["state"], row["version"]) for row, _ in moving]), "to": to, "at": tx.at,
        "cause": cause, "not_before": until, "ended_at": tx.at if to in FINAL_TASK_STATES else None,
    }  # fmt: skip
    if tx.run(TASKS["move"], values) != len(moving):
        keys = " or ".join(f"{row['key']} is no longer {row['state']}" for row, _ in moving)
        raise Conflict(keys, hint="read it again")
    wait = None if not_before is None else (not_before - tx.now).total_seconds()
    for row, run in moving:
        if row["held_by"] != held_by:  # apart: when SQLite sets a key into the same table, it writes each index anew
            tx.run(TASKS["hold"], {"id": row["id"], "held_by": held_by})
        was, row["state"], row["version"], row["held_by"] = row["state"], to, row["version"] + 1, held_by
        tx.moved.append(TaskMoved(row["id"], row["goal"], was, to, not_before, wait))
        _tell(tx, row, was, run, cause, until)


def _tell(tx: Tx, row: dict[str, Any], was: TaskState, run: str | None, cause: str | None, until: str | None) -> None:
    to = row["state"]
    data = {"key": row["key"], "state": to, "version": row["version"]}
    if cause is not None:
        data["cause"] = cause
    if until is not None:
        data["not_before"] = until
    reopened = to is TaskState.PENDING and was in (TaskState.DONE, TaskState.FAILED, TaskState.REVIEW)
    kind = EventType.TASK_REOPENED if reopened else EVENT_OF[to]
    tx.emit(kind, goal=row["goal"], task=row["id"], run=run, **data)
