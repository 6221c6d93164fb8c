"""Orders to a whole goal: pause, resume, drain. What runs goes on in each of them (DESIGN section 5)."""

from typing import Any, assert_never

from engine.api import GoalOrder
from engine.dispatch.limits.budget_rows import require_answered
from engine.dispatch.orders.goal_moves import end_drain, end_goal_if_settled, move_goal
from engine.dispatch.steps import GOALS, TASKS
from engine.errors import IllegalMove, NotFound
from engine.model import GoalState, TaskState
from engine.store import Tx


def order_goal(tx: Tx, goal: str, order: GoalOrder, by: str) -> None:
    """Carry out one order by the goal's own table; no other goal is touched (R23)."""
    row = require_orderable(tx, goal)
    match order:
        case GoalOrder.PAUSE:
            move_goal(tx, goal, GoalState.PAUSED, cause=f"paused by {by}")
        case GoalOrder.DRAIN:
            move_goal(tx, goal, GoalState.DRAINING, cause=f"drained by {by}")
            end_drain(tx, goal)
        case GoalOrder.RESUME:
            _require_held(row)
            require_answered(tx, goal)
            move_goal(tx, goal, GoalState.ACTIVE)
        case _:
            assert_never(order)


def require_orderable(tx: Tx, goal: str) -> dict[str, Any]:
    """The goal's row; IllegalMove when it has ended for good, or is about to."""
    row = tx.one(GOALS["get"], {"id": goal})
    if row is None:
        raise NotFound(f"no goal {goal}")
    if row["cancelling"]:
        raise IllegalMove(f"{goal} is being cancelled", details={"state": row["state"]})
    if row["state"] in (GoalState.DONE, GoalState.CANCELLED):
        raise IllegalMove(f"{goal} is {row['state']}, which is final", details={"state": row["state"]})
    return dict(row)


def _require_held(row: dict[str, Any]) -> None:
    """Two more moves of the table lead to active; each has a verb of its own."""
    hints = {
        GoalState.DRAFT: f"pilothouse start {row['id']} starts it",
        GoalState.FAILED: f"pilothouse retry {row['id']} runs what failed again",
    }
    hint = hints.get(GoalState(row["state"]))
    if hint is not None:
        raise IllegalMove(f"{row['id']} is {row['state']}, not paused", hint=hint, details={"state": row["state"]})


def reopen_goal(tx: Tx, goal: str) -> None:
    """failed → active once its tree is no longer failed; it ends again when nothing is left to do."""
    row, root = tx.one(GOALS["get"], {"id": goal}), tx.one(TASKS["root"], {"goal": goal})
    assert row is not None
    assert root is not None
    if row["state"] == GoalState.FAILED and root["state"] not in (TaskState.FAILED, TaskState.CANCELLED):
        move_goal(tx, goal, GoalState.ACTIVE)
        end_goal_if_settled(tx, goal)
