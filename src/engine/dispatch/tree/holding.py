"""What can never start because of another task is blocked with that cause, at once and transitively (R29)."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from engine.dispatch.steps import DEAD, TASKS, TREES, brief, change, leaves, line
from engine.model import OnFailure, Order, TaskState
from engine.store import Tx


def is_dead_end(row: dict[str, Any]) -> bool:
    """Whether nothing that waits for this task will ever see it done, unless an operator steps in."""
    return row["state"] in DEAD or (row["state"] == TaskState.BLOCKED and row["held_by"] is not None)


def hold_what_needs(tx: Tx, dead: dict[str, Any]) -> list[dict[str, Any]]:
    """Block every pending leaf that waits for `dead`; returns those leaves."""
    origin = dead["held_by"] or dead["id"]
    cause = f"{dead['key']} is {dead['state']}"
    held = []
    for task in _waiting_for(tx, dead):
        for leaf in leaves(tx, task):
            if leaf["state"] == TaskState.PENDING:
                change(tx, leaf, TaskState.BLOCKED, cause=cause, held_by=origin)
                held.append(leaf)
    return held


def hold_new(tx: Tx, goal: str, tasks: Iterable[str]) -> list[dict[str, Any]]:
    """Block what is pending in tasks that stand in a new place, and waits there for what is dead; returns it."""
    if tx.one(TREES["any_dead"], {"goal": goal}) is None:
        return []
    held = []
    for leaf in (leaf for task in tasks for leaf in leaves(tx, task)):
        dead = _dead_before(tx, leaf) if leaf["state"] == TaskState.PENDING else None
        if dead is not None:
            cause = f"{dead['key']} is {dead['state']}"
            change(tx, leaf, TaskState.BLOCKED, cause=cause, held_by=dead["held_by"] or dead["id"])
            held.append(leaf)
    return held


def _dead_before(tx: Tx, leaf: dict[str, Any]) -> sqlite3.Row | None:
    """The first thing that will never be done which a leaf, or a group it is in, waits for."""
    for here in line(tx, leaf):
        found = tx.one(TREES["dead_need"], {"id": here["id"]})
        if found is None and here["parent"] is not None:
            place = {"parent": here["parent"], "id": here["id"], "position": here["position"]}
            found = tx.one(TREES["dead_sibling"], place)
        if found is not None:
            return found
    return None


def _waiting_for(tx: Tx, dead: dict[str, Any]) -> list[str]:
    tops = [row["id"] for row in tx.all(TASKS["dependants"], {"id": dead["id"]})]
    if dead["parent"] is None:
        return tops
    parent = brief(tx, dead["parent"])
    siblings = tx.all(TASKS["siblings"], {"parent": dead["parent"], "id": dead["id"]})
    if parent["ordering"] == Order.SEQUENTIAL:
        tops += [row["id"] for row in siblings if row["position"] > dead["position"]]
    elif dead["state"] in DEAD and parent["on_failure"] == OnFailure.STOP and parent["require"] == "all":
        tops += [row["id"] for row in siblings]
    return tops
