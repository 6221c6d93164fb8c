"""New tasks join a goal under way, all of them or none (R10, R11)."""

from engine.api.edits import AddedTask, AddedTasks, AddTasks
from engine.dispatch.creation import insert_tree
from engine.dispatch.limits.budget_rows import insert_budgets
from engine.dispatch.steps import GOALS, TASKS, brief
from engine.dispatch.tree.holding import hold_new
from engine.dispatch.tree.moves import settle
from engine.dispatch.tree.standing import children, named, number, open_group, require_ahead, spot, standing
from engine.errors import IllegalMove, NotFound, StaleVersion
from engine.events import EventType
from engine.goals.fragment import Fragment
from engine.ids import IdSource
from engine.model import FINAL_GOAL_STATES
from engine.store import Tx


def add_tasks(tx: Tx, goal: str, fragment: Fragment, order: AddTasks, ids: IdSource) -> AddedTasks:
    """Insert what was read at its place. InvalidGoalFile when it does not fit the tree as it is, IllegalMove when
    that place takes nothing more, StaleVersion when the group is not as it was seen."""
    require_growing(tx, goal)
    root = tx.one(TASKS["root"], {"goal": goal})
    assert root is not None
    group = open_group(tx, root["id"] if order.parent is None else named(tx, goal, order.parent, "add to"))
    if order.version is not None and order.version != group["version"]:
        raise StaleVersion(f"{group['key']} has version {group['version']}, not {order.version}", hint="read it again")
    there = children(tx, group["id"])
    at = spot(tx, goal, group, there, order.before, order.after)
    require_ahead(tx, group, there[at:])
    tree = standing(tx, goal)
    specs = fragment.graft(tree.root, tree.by_id[group["id"]], at)
    number(tx, there[at:], at + len(specs))
    placed = insert_tree(tx, goal, group["id"], specs, at, ids)
    insert_budgets(tx, goal, [(task.id, task.spec.budget) for task in placed])
    added = [task.spec.id for task in placed]
    tx.emit(EventType.TASK_ADDED, goal=goal, task=group["id"], group=group["key"], added=added, by=order.by)
    for leaf in hold_new(tx, goal, [task.id for task in placed[: len(specs)]]):
        settle(tx, leaf)
    settle(tx, brief(tx, placed[0].id))
    return AddedTasks(goal=goal, group=group["key"], tasks=tuple(AddedTask(id=t.id, key=t.spec.id) for t in placed))


def require_growing(tx: Tx, goal: str) -> None:
    """IllegalMove when the goal has ended or is about to."""
    row = tx.one(GOALS["get"], {"id": goal})
    if row is None:
        raise NotFound(f"no goal {goal}")
    if row["state"] in FINAL_GOAL_STATES or row["cancelling"]:
        state = "being cancelled" if row["cancelling"] else row["state"]
        raise IllegalMove(f"{goal} is {state}: nothing is added to it", details={"state": row["state"]})
