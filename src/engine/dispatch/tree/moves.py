"""Moving a task, and everything that follows from it in the same transaction (R3)."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from engine.dispatch.endings.closing import close_group
from engine.dispatch.gates.mailbox import take_back
from engine.dispatch.orders.goal_moves import end_goal
from engine.dispatch.steps import DEAD, EVENT_OF, PLANS, TASKS, Moving, brief, change, change_all
from engine.dispatch.tree.holding import hold_what_needs, is_dead_end
from engine.dispatch.tree.rollup import ALIVE, derive
from engine.errors import Conflict, StaleVersion
from engine.model import FINAL_TASK_STATES, TaskKind, TaskState
from engine.store import TaskMoved, Tx
from engine.store.rows import columns_of


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
    if frm is not None:
        require_state(row, frm)
    started = row["state"] == TaskState.CLAIMED and to is TaskState.RUNNING
    change(tx, row, to, cause=cause, held_by=held_by, not_before=not_before, run=run)
    if to is TaskState.PENDING and row["kind"] == TaskKind.GATE:
        take_back(tx, row["id"])
    # Claimed or running, it is alive to every group above; a tester is nothing to any of them.
    if not started and row["tests"] is None:
        settle(tx, row)


def move_all(tx: Tx, moving: Sequence[Moving], to: TaskState) -> None:
    """Move these leaves at once, and settle what follows once for all that are in one group."""
    change_all(tx, moving, to)
    settle(tx, *(row for row, _ in moving if row["tests"] is None))


def require_state(row: dict[str, Any], frm: Iterable[TaskState]) -> None:
    """Conflict unless the task is in one of `frm`."""
    if row["state"] not in frm:
        raise Conflict(f"{row['key']} is {row['state']}", hint=f"this needs it to be {' or '.join(frm)}")


def settle(tx: Tx, *changed: dict[str, Any]) -> None:
    """Follow a change, or several that were made at once, upwards and sideways until nothing follows any more."""
    queue = deque(changed)
    siblings = Counter(row["parent"] for row in changed)
    planning: dict[str, bool] = {}
    while queue:
        row = queue.popleft()
        if is_dead_end(row):
            queue.extend(hold_what_needs(tx, row))
        queue.extend(_planned_ends(tx, row, planning))
        if row["parent"] is None:
            end_goal(tx, row)
            continue
        siblings[row["parent"]] -= 1
        if siblings[row["parent"]] > 0:
            continue  # the last of those that changed at once looks at their group
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


def _planned_ends(tx: Tx, row: dict[str, Any], planning: dict[str, bool]) -> list[dict[str, Any]]:
    """Groups that a task planned which has ended: nothing more is added to them, so that they may have ended too.
    `planning` remembers in which goals any task plans."""
    goal = row["goal"]
    if row["kind"] != TaskKind.WORK or row["state"] not in FINAL_TASK_STATES:
        return []
    if goal not in planning:
        planning[goal] = tx.one(PLANS["any_planned"], {"goal": goal}) is not None
    if not planning[goal]:
        return []
    ended = []
    for group in map(columns_of, tx.all(PLANS["planned_by"], {"goal": goal, "key": row["key"]})):
        state = derive(tx, group)
        if state != group["state"]:
            _derive_to(tx, group, state, row)
            ended.append(group)
    return ended


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
