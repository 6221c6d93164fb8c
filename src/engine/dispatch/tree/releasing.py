"""The opposite of holding: what waits for nothing dead any more may start again, at once and transitively."""

from typing import Any

from engine.dispatch.steps import DEAD, TASKS, brief, change
from engine.dispatch.tree.moves import settle
from engine.model import OnFailure, Order, TaskState
from engine.store import Tx

Row = dict[str, Any]


def release_held(tx: Tx, goal: str) -> None:
    """Blocked → pending for every leaf that was blocked because of others and is so no longer."""
    while freed := _freed(tx, goal):
        for task in freed:
            leaf = brief(tx, task)
            if _is_held(leaf):
                change(tx, leaf, TaskState.PENDING)
                settle(tx, leaf)  # a group above may come alive, which frees what waits for that group


def _is_held(row: Row) -> bool:
    return row["state"] == TaskState.BLOCKED and row["held_by"] is not None


def _freed(tx: Tx, goal: str) -> list[str]:
    """Held leaves that nothing dead stands before: neither itself nor any group above waits for one."""
    rows = {row["id"]: dict(row) for row in tx.all(TASKS["briefs_of_goal"], {"goal": goal})}
    held = [row for row in rows.values() if _is_held(row)]
    if not held:
        return []
    needs: dict[str, list[str]] = {}
    for need in tx.all(TASKS["needs_of_goal"], {"goal": goal}):
        needs.setdefault(need["task"], []).append(need["needed"])
    dead = {row["id"] for row in rows.values() if row["state"] in DEAD}
    still: set[str] = set()
    while True:  # from what is dead outwards: a leaf that is held holds others in turn
        first = _first_dead(rows, dead | still)
        more = {row["id"] for row in held if row["id"] not in still and _waits(row, rows, needs, dead, still, first)}
        if not more:
            return [row["id"] for row in held if row["id"] not in still]
        still |= more


def _first_dead(rows: dict[str, Row], dead: set[str]) -> dict[str, int]:
    """The first position in each group behind which a sequence does not come."""
    first: dict[str, int] = {}
    for task in dead:
        row = rows[task]
        first[row["parent"]] = min(row["position"], first.get(row["parent"], row["position"]))
    return first


def _waits(
    leaf: Row, rows: dict[str, Row], needs: dict[str, list[str]], dead: set[str], held: set[str], first: dict[str, int]
) -> bool:
    here: Row | None = leaf
    while here is not None:
        if any(needed in dead or needed in held for needed in needs.get(here["id"], ())):
            return True
        parent = rows.get(here["parent"])
        if parent is not None:
            if parent["ordering"] == Order.SEQUENTIAL:
                if first.get(parent["id"], here["position"]) < here["position"]:
                    return True
            elif (
                parent["on_failure"] == OnFailure.STOP
                and parent["require"] == "all"
                and any(rows[task]["parent"] == parent["id"] and task != here["id"] for task in dead)
            ):
                return True
        here = parent
    return False
