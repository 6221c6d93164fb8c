"""Several judges of one work: who asks for the same, who is still at it, and who may be outvoted (R88)."""

from collections.abc import Iterable
from typing import Any

from engine.dispatch.rework.again import live_on, resting
from engine.dispatch.steps import TASKS, VERDICTS, brief, is_in, leaves
from engine.model import FINAL_TASK_STATES, Order, TaskState
from engine.store import Tx


def asking(tx: Tx, target: dict[str, Any], *, but: str) -> list[dict[str, Any]]:
    """Open objections of others to the same task."""
    found = []
    for row in tx.all(VERDICTS["open_on"], {"goal": target["goal"], "target": target["key"]}):
        if row["task"] != but:
            found.append(dict(row))
    return found


def waits(tx: Tx, judge: dict[str, Any], target: dict[str, Any]) -> bool:
    """Whether a round has to wait: for work on the old result that has not ended, whose words belong to it; for a
    human's word about the same task; or for judges who may still decide otherwise."""
    if live_on(tx, target["id"], but=judge["id"]):
        return True
    asked = any(other["state"] == TaskState.REVIEW for other in asking(tx, target, but=judge["id"]))
    return asked or _may_be_outvoted(tx, judge, target)


def _may_be_outvoted(tx: Tx, judge: dict[str, Any], target: dict[str, Any]) -> bool:
    """Whether a group that needs only some of its tasks can still be done without this judge (R88)."""
    behind = {leaf["id"] for leaf in resting(tx, judge["id"])}
    child = judge
    while child["parent"] is not None and not is_in(tx, target, child["parent"]):
        group = brief(tx, child["parent"])
        if group["require"] != "all" and group["ordering"] == Order.PARALLEL:
            siblings = tx.all(TASKS["siblings"], {"parent": group["id"], "id": child["id"]})
            wanted = 1 if group["require"] == "any" else int(group["require"])
            if sum(_may_be_done(tx, row["id"], behind) for row in siblings) >= wanted:
                return True
        child = group
    return False


def _may_be_done(tx: Tx, task: str, behind: Iterable[str]) -> bool:
    """Whether a task of a group can still count for it; one that waits for the judge itself cannot."""
    row = brief(tx, task)
    below = [leaf["id"] for leaf in leaves(tx, task)]
    if row["state"] == TaskState.DONE:
        return True
    if row["state"] in FINAL_TASK_STATES or row["held_by"] is not None or set(below) & set(behind):
        return False
    objects = (tx.one(VERDICTS["open_of_task"], {"task": leaf}) for leaf in below)
    return bool(row["state"] != TaskState.BLOCKED or not any(objects))
