"""What can never start because of another task is blocked with that cause, at once and transitively (R29)."""

from typing import Any

from engine.dispatch.steps import DEAD, TASKS, brief, change, leaves
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
