"""A task that has not begun is put elsewhere in its goal's tree (R10, R11, R26)."""

from engine.api.edits import Place
from engine.dispatch.steps import TREES, brief, is_in, leaves
from engine.dispatch.tree.holding import hold_new, is_dead_end
from engine.dispatch.tree.moves import settle
from engine.dispatch.tree.releasing import release_held
from engine.dispatch.tree.standing import (
    NOT_BEGUN,
    Row,
    children,
    named,
    number,
    open_group,
    require_ahead,
    spot,
    standing,
)
from engine.errors import IllegalMove, Invalid
from engine.store import Tx


def place(tx: Tx, task: str, to: Place) -> str:
    """Put it there and settle what follows from that; the key of the group it is in then."""
    row = brief(tx, task)
    if row["parent"] is None:
        raise Invalid(f"{row['key']} is the goal itself and has no place")
    _require_unbegun(tx, row)
    group = open_group(tx, row["parent"] if to.parent is None else named(tx, row["goal"], to.parent, "move into"))
    left = [child for child in children(tx, row["parent"]) if child["id"] != task]
    there = left if group["id"] == row["parent"] else children(tx, group["id"])
    at = spot(tx, row["goal"], group, there, to.before, to.after)
    require_ahead(tx, group, there[at:])
    tree = standing(tx, row["goal"])
    moved = tree.by_id[task]
    tree.by_id[row["parent"]].children.remove(moved)
    if is_in(tx, group, task):
        raise Invalid(f"{row['key']} would be in itself: {row['key']} -> {group['key']} -> {row['key']}")
    tree.by_id[group["id"]].children.insert(at, moved)
    tree.require_sound()
    if group["id"] != row["parent"]:
        _require_enough(tx, row, left)
        tx.run(TREES["place"], {"id": task, "parent": group["id"]})
        number(tx, left)
    number(tx, [*there[:at], row, *there[at:]])
    _settle(tx, task, left)
    return str(group["key"])


def _require_unbegun(tx: Tx, row: Row) -> None:
    for leaf in leaves(tx, row["id"]):
        if leaf["state"] not in NOT_BEGUN:
            what = f"{row['key']} has begun" if leaf["id"] == row["id"] else f"{leaf['key']} in it has begun"
            raise IllegalMove(f"{what}: its place is settled", details={"state": leaf["state"]})


def _require_enough(tx: Tx, row: Row, left: list[Row]) -> None:
    """A group keeps as many tasks as it needs to be done."""
    parent = brief(tx, row["parent"])
    least = int(parent["require"]) if parent["require"].isdecimal() else 1
    if len(left) < least:
        raise Invalid(f"{parent['key']} would keep {len(left)} tasks and needs {least}",
                      hint=f"cancel it, or add a task to {parent['key']} first")  # fmt: skip


def _settle(tx: Tx, task: str, left: list[Row]) -> None:
    """What the old order held goes on, what the new one holds is held, and groups are what their tasks are."""
    row = brief(tx, task)
    release_held(tx, row["goal"])
    hold_new(tx, row["goal"], [task])
    for dead in children(tx, row["parent"]):  # it may stand behind one of them, or one of them behind it
        if is_dead_end(dead):
            settle(tx, dead)
    for leaf in leaves(tx, task):
        settle(tx, leaf)
    for other in left[:1]:
        settle(tx, brief(tx, other["id"]))
