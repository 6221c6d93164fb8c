"""Moving a task, and everything that follows from it in the same transaction (R3)."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.dispatch.closing import close_group
from engine.dispatch.goal_moves import end_goal
from engine.dispatch.holding import hold_what_needs, is_dead_end
from engine.dispatch.rollup import ALIVE, derive
from engine.dispatch.steps import DEAD, EVENT_OF, TASKS, brief, change
from engine.errors import Conflict, StaleVersion
from engine.model import FINAL_TASK_STATES, TaskState
from engine.store import TaskMoved, Tx


def move(
    tx: Tx,
    task: str,
    to: TaskState,
    *,
    frm: Iterable[TaskState] | None = None,
    version: int | None = None,
    cause: str | None = None,
    held_by: str | None = None,
    not_before: datetime | None = None,
    run: str | None = None,
    row: dict[str, Any] | None = None,
) -> None:
    """Move one leaf and settle what follows: parents, dependants, the goal. `row` is its row when it was just read.

    Raises Conflict when it is not in one of `frm`, StaleVersion when the row moved on since `version`, IllegalMove
    when the table has no such move.
    """
    row = row or brief(tx, task)
    if version is not None and row["version"] != version:
        raise StaleVersion(f"{row['key']} moved on: version {row['version']}, not {version}")
    if frm is not None and row["state"] not in frm:
        raise Conflict(f"{row['key']} is {row['state']}", hint=f"this needs it to be {' or '.join(frm)}")
    started = row["state"] == TaskState.CLAIMED and to is TaskState.RUNNING
    change(tx, row, to, cause=cause, held_by=held_by, not_before=not_before, run=run)
    if not started:  # claimed or running, it is alive to every group above
        settle(tx, row)


def settle(tx: Tx, changed: dict[str, Any]) -> None:
    """Follow a change upwards and sideways until nothing follows any more."""
    queue = deque([changed])
    while queue:
        row = queue.popleft()
        if is_dead_end(row):
            queue.extend(hold_what_needs(tx, row))
        if row["parent"] is None:
            end_goal(tx, row)
            continue
        parent = brief(tx, row["parent"])
        if parent["state"] == TaskState.RUNNING and row["state"] in ALIVE:
            continue  # one more that runs changes nothing above
        state = derive(tx, parent)
        if state != parent["state"]:
            _derive_to(tx, parent, state, row)
            if state in FINAL_TASK_STATES:
                queue.extend(close_group(tx, parent))
        elif state == TaskState.RUNNING:
            continue
        queue.append(parent)  # unchanged itself, it may have been the last thing alive in the groups above


def _derive_to(tx: Tx, group: dict[str, Any], to: TaskState, child: dict[str, Any]) -> None:
    was = TaskState(group["state"])
    cause = f"{child['key']} is {child['state']}" if to in DEAD or to is TaskState.BLOCKED else None
    values = {"id": group["id"], "to": to, "seen": group["version"], "at": tx.at, "cause": cause}
    if tx.run(TASKS["derive"], values) != 1:
        raise Conflict(f"{group['key']} moved on", hint="read it again")
    group["state"], group["version"] = to, group["version"] + 1
    tx.moved.append(TaskMoved(group["id"], group["goal"], was, to))
    data = {"key": group["key"], "state": to, "version": group["version"]}
    tx.emit(EVENT_OF[to], goal=group["goal"], task=group["id"], **data, **({"cause": cause} if cause else {}))
