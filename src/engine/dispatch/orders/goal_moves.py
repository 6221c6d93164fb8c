"""A goal's moves, and its end: decided from the store in the transaction that ends its last task (R28)."""

from typing import Any

from engine.dispatch.endings.closing import close_waits, end_question_below
from engine.dispatch.steps import GOALS, RUNS, TASKS, TESTERS, change
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model import FINAL_GOAL_STATES, FINAL_TASK_STATES, GoalState, TaskState
from engine.store import Tx
from engine.store.rows import columns_of
from engine.transitions import GOAL, require_move

GOAL_EVENT: dict[GoalState, EventType] = {
    GoalState.ACTIVE: EventType.GOAL_STARTED,
    GoalState.PAUSED: EventType.GOAL_PAUSED,
    GoalState.DRAINING: EventType.GOAL_DRAINING,
    GoalState.DONE: EventType.GOAL_ENDED,
    GoalState.FAILED: EventType.GOAL_ENDED,
    GoalState.CANCELLED: EventType.GOAL_ENDED,
}


def move_goal(tx: Tx, goal: str, to: GoalState, *, cause: str | None = None) -> None:
    """Move a goal by its table, guarded by state and version, with its event."""
    row = tx.one(GOALS["get"], {"id": goal})
    if row is None:
        raise NotFound(f"no goal {goal}")
    was = GoalState(row["state"])
    require_move(GOAL, was, to, goal)
    values = {"id": goal, "frm": was, "to": to, "seen": row["version"], "at": tx.at, "cause": cause}
    if tx.run(GOALS["move"], values) != 1:
        raise Conflict(f"{goal} is no longer {was}", hint="read it again")
    if to in FINAL_GOAL_STATES:
        end_question_below(tx, goal)
    resumed = to is GoalState.ACTIVE and was is not GoalState.DRAFT
    kind = EventType.GOAL_RESUMED if resumed else GOAL_EVENT[to]
    tx.emit(kind, goal=goal, title=row["title"], state=to, cause=cause)


def end_goal(tx: Tx, root: dict[str, Any]) -> None:
    """End the goal with its root, in this very transaction and never while a run of it lives (R28)."""
    if root["state"] not in FINAL_TASK_STATES:
        return
    goal = tx.one(GOALS["get"], {"id": root["goal"]})
    assert goal is not None
    if goal["state"] in FINAL_GOAL_STATES or live_runs(tx, root["goal"]):
        return
    if goal["cancelling"] or root["state"] == TaskState.CANCELLED:
        to = GoalState.CANCELLED
    else:
        to = GoalState.DONE if root["state"] in (TaskState.DONE, TaskState.SKIPPED) else GoalState.FAILED
    if to is not GoalState.FAILED:  # that one may be retried, and tested again
        _dismiss_testers(tx, root["goal"], to)
    cause = goal["cause"] if goal["cancelling"] else _cause_of(tx, root)
    move_goal(tx, root["goal"], to, cause=cause)


def _dismiss_testers(tx: Tx, goal: str, to: GoalState) -> None:
    """None of them runs: there is nothing more to test."""
    for row in map(columns_of, tx.all(TESTERS["idle"], {"goal": goal})):
        close_waits(tx, row["id"], by="goal")
        change(tx, row, TaskState.SKIPPED, cause=f"the goal is {to}")


def end_goal_if_settled(tx: Tx, goal: str) -> None:
    """Look again after the last run of an ended tree is over."""
    root = tx.one(TASKS["ended_root"], {"goal": goal})
    if root is not None:
        end_goal(tx, dict(root))
    end_drain(tx, goal)


def end_drain(tx: Tx, goal: str) -> None:
    """draining → paused in the transaction that ends its last run: a drain always ends (R98)."""
    row = tx.one(GOALS["standing"], {"id": goal})
    if row is not None and row["state"] == GoalState.DRAINING and not live_runs(tx, goal):
        move_goal(tx, goal, GoalState.PAUSED, cause=f"{row['cause']}: nothing of it runs any more")


def live_runs(tx: Tx, goal: str) -> int:
    row = tx.one(RUNS["count_live_of_goal"], {"goal": goal})
    return int(row["n"]) if row is not None else 0


def _cause_of(tx: Tx, root: dict[str, Any]) -> str | None:
    row = tx.one(TASKS["get"], {"id": root["id"]})
    return None if row is None or root["state"] == TaskState.DONE else row["cause"]
