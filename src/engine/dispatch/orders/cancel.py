"""Cancelling: stored first, then carried out (R95, R96). What runs ends with its run, never before it."""

from engine.dispatch.endings.closing import close_waits, end_question_below, request_end
from engine.dispatch.orders.goal_moves import end_goal_if_settled, move_goal
from engine.dispatch.steps import GOALS, TASKS, brief, leaves
from engine.dispatch.tree.moves import move
from engine.errors import IllegalMove
from engine.model import FINAL_GOAL_STATES, FINAL_TASK_STATES, LIVE_TASK_STATES, GoalState, TaskState
from engine.store import Tx


def cancel_goal(tx: Tx, goal: str, cause: str) -> None:
    """Mark the goal; everything that does not run is cancelled here, the rest as its run ends."""
    row = tx.one(GOALS["get"], {"id": goal})
    assert row is not None
    state = GoalState(row["state"])
    if state in FINAL_GOAL_STATES:
        raise IllegalMove(f"{goal} is {state} already", details={"state": state})
    tx.run(GOALS["mark_cancelling"], {"id": goal, "cause": cause})
    end_question_below(tx, goal)
    live = _cancel_leaves(tx, [dict(leaf) for leaf in tx.all(TASKS["unended_leaves"], {"goal": goal})], cause)
    end_goal_if_settled(tx, goal)
    after = tx.one(GOALS["get"], {"id": goal})
    if not live and after is not None and GoalState(after["state"]) not in FINAL_GOAL_STATES:
        move_goal(tx, goal, GoalState.CANCELLED, cause=cause)


def cancel_task(tx: Tx, task: str, cause: str) -> None:
    """Cancel one leaf, or every leaf under a group."""
    row = brief(tx, task)
    if TaskState(row["state"]) in FINAL_TASK_STATES:
        raise IllegalMove(f"{row['key']} is {row['state']} already", details={"state": row["state"]})
    _cancel_leaves(tx, leaves(tx, task), cause)
    end_goal_if_settled(tx, row["goal"])


def _cancel_leaves(tx: Tx, rows: list[dict[str, object]], cause: str) -> bool:
    """Cancel what does not run, ask the rest to end; whether anything runs."""
    live = False
    for row in rows:
        task = str(row["id"])
        state = TaskState(brief(tx, task)["state"])  # an earlier one of this loop may have moved it
        if state in LIVE_TASK_STATES:
            request_end(tx, task, cause)
            live = True
        elif state not in FINAL_TASK_STATES:
            close_waits(tx, task, by=cause)
            move(tx, task, TaskState.CANCELLED, cause=cause)
    return live
