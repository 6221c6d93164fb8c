"""The tree of a goal under way as its rows have it, and what may be changed in it (R10, R11)."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.dispatch.steps import PLANS, TASKS, TREES, brief, leaves, line
from engine.errors import IllegalMove, Invalid
from engine.goals.drafts import Draft
from engine.goals.fields import Word
from engine.goals.fragment import DEEPEST_TASKS, broken_rule, levels
from engine.model import FINAL_TASK_STATES, Order, TaskKind, TaskState
from engine.store import Tx

NOT_BEGUN = frozenset({TaskState.PENDING, TaskState.BLOCKED, TaskState.FAILED})  # a need can still hold it back
UNTOUCHED = frozenset({TaskState.PENDING, TaskState.BLOCKED, TaskState.SKIPPED, TaskState.CANCELLED})
Row = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """Drafts of stored tasks: `root` holds all others."""

    root: Draft
    by_id: dict[str, Draft]

    def require_sound(self) -> None:
        """Invalid when a rule between tasks is broken as they stand here: a cycle is named."""
        broken = broken_rule(self.root)
        if broken is None and levels([self.root]) > DEEPEST_TASKS:
            broken = f"tasks nest deeper than {DEEPEST_TASKS} levels"
        if broken is not None:
            what, _, todo = broken.partition("; ")
            raise Invalid(what, hint=todo)


def standing(tx: Tx, goal: str) -> Standing:
    """The stored tree with its needs; what a task names that is no task any more is left out."""
    rows = tx.all(TREES["standing"], {"goal": goal})
    keys = {row["key"] for row in rows}
    by_id = {row["id"]: _draft(row, keys) for row in rows}
    root: Draft | None = None
    for row in rows:
        if row["parent"] is None:
            root = by_id[row["id"]]
        else:
            by_id[row["parent"]].children.append(by_id[row["id"]])
    for need in tx.all(TASKS["needs_of_goal"], {"goal": goal}):
        by_id[need["task"]].needs.append(Word(by_id[need["needed"]].id, 0))
    assert root is not None
    return Standing(root, by_id)


def _draft(row: sqlite3.Row, keys: set[str]) -> Draft:
    draft = Draft(
        row["key"],
        row["title"],
        0,
        TaskKind(row["kind"]),
        stored=row["id"],
        order=Order(row["ordering"]),
        pin=row["pin"],
    )
    if draft.kind is TaskKind.WORK and not row["merges"]:
        draft.run = ""  # it does something, whatever that is
    draft.rework = Word(row["rework"], 0) if row["rework"] in keys else None
    draft.planned_by = Word(row["planned_by"], 0) if row["planned_by"] in keys else None
    return draft


def named(tx: Tx, goal: str, name: str, to: str) -> str:
    """A task of the goal by its key or its id; `to` says what for."""
    row = tx.one(TASKS["by_key"], {"goal": goal, "key": name.rpartition("/")[2]})
    found = tx.one(TASKS["brief"], {"id": name if row is None else row["id"]})
    if found is None or found["goal"] != goal:
        raise Invalid(f"{goal} has no task {name[:80]!r} to {to}", hint=f"pilothouse tree {goal} lists its tasks")
    if found["tests"] is not None:
        raise Invalid(f"{found['key']} is a tester: there is nothing in it to {to}", hint="name a task of the tree")
    return str(found["id"])


def open_group(tx: Tx, group: str) -> Row:
    """A group that takes tasks: neither it nor one that it is in has ended."""
    row = brief(tx, group)
    if row["kind"] != TaskKind.GROUP:
        raise Invalid(f"{row['key']} is a single task and holds no others", hint="name a group with --into")
    for here in line(tx, row):
        if here["state"] in FINAL_TASK_STATES:
            raise IllegalMove(f"{here['key']} is {here['state']}: nothing is put into it",
                              details={"state": here["state"]})  # fmt: skip
    return row


def children(tx: Tx, group: str) -> list[Row]:
    """The tasks of a group in their order."""
    return [dict(row) for row in tx.all(PLANS["children"], {"group": group})]


def spot(tx: Tx, goal: str, group: Row, others: list[Row], before: str | None, after: str | None) -> int:
    """Where in `others`, the tasks of a group, a new one goes: at their end when neither is named."""
    name = before or after
    if name is None:
        return len(others)
    beside = named(tx, goal, name, "stand beside")
    for index, row in enumerate(others):
        if row["id"] == beside:
            return index if before is not None else index + 1
    raise Invalid(f"{name} is not in {group['key']}", hint="name a task of the same group")


def require_ahead(tx: Tx, group: Row, later: Iterable[Row]) -> None:
    """In a sequence nothing is put before what has begun: that would have had to wait for it (R26)."""
    if group["ordering"] != Order.SEQUENTIAL:
        return
    for row in later:
        if any(leaf["state"] not in UNTOUCHED for leaf in leaves(tx, row["id"])):
            raise IllegalMove(f"{row['key']} has begun: nothing is put before it in {group['key']}",
                              hint=f"put it after {row['key']}", details={"state": row["state"]})  # fmt: skip


def number(tx: Tx, ordered: Iterable[Row], first: int = 0) -> None:
    """Give tasks of a group, in their order, the places from `first` on."""
    moved = [
        {"id": row["id"], "position": place} for place, row in enumerate(ordered, first) if row["position"] != place
    ]
    tx.many(TREES["put_at"], moved)
