"""Retry and skip: an operator's way on from what failed or waits (R38)."""

from engine.api import Answer
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import stage
from engine.dispatch.endings.closing import close_waits
from engine.dispatch.orders.whole_goal import reopen_goal, require_orderable
from engine.dispatch.steps import DECISIONS, TASKS, brief, leaves
from engine.dispatch.tree.moves import move
from engine.dispatch.tree.releasing import release_held
from engine.dispatch.work.conflicts import Way
from engine.errors import Conflict, IllegalMove, Invalid
from engine.model import FINAL_TASK_STATES, AnswerKind, DecisionKind, TaskKind, TaskState
from engine.store import Tx
from engine.transitions import TASK, require_move

ASKS_TO_RETRY = (DecisionKind.FAILURE, DecisionKind.SPAWN_FAILURE)


def retry(tx: Tx, task: str, by: str, *, fresh: bool) -> None:
    """A new run of a failed or blocked leaf, or of every failed leaf of a group; a failed goal goes on.

    `fresh`: failures before it count no more. Refused when a group above has ended all the same.
    """
    row = brief(tx, task)
    require_orderable(tx, row["goal"])
    group = row["kind"] == TaskKind.GROUP
    chosen = [leaf["id"] for leaf in leaves(tx, task) if not group or leaf["state"] == TaskState.FAILED]
    if not chosen:
        raise IllegalMove(f"no task of {row['key']} has failed", details={"state": row["state"]})
    for leaf in chosen:
        if fresh:
            tx.run(TASKS["reset_failures"], {"id": leaf})
        _again(tx, leaf, by)
    release_held(tx, row["goal"])
    for leaf in chosen:
        _require_way_up(tx, leaf)
    reopen_goal(tx, row["goal"])


def _again(tx: Tx, leaf: str, by: str) -> None:
    row = brief(tx, leaf)
    match TaskState(row["state"]):
        case TaskState.FAILED:
            move(tx, leaf, TaskState.PENDING, cause=f"retried by {by}", row=row)
        case TaskState.BLOCKED if row["held_by"] is not None:
            holder = brief(tx, row["held_by"])
            raise IllegalMove(f"{row['key']} is blocked because {holder['key']} is {holder['state']}",
                              hint=f"retry or skip {holder['key']}", details={"state": row["state"]})  # fmt: skip
        case TaskState.BLOCKED:
            _answer(tx, leaf, by)
        case state:
            raise IllegalMove(f"{row['key']} is {state}: only what failed or is blocked is retried",
                              details={"state": state})  # fmt: skip


def _answer(tx: Tx, leaf: str, by: str) -> None:
    """The open question is whether it runs again: this is its answer, with the effect it has through any door."""
    asked = tx.one(DECISIONS["open_of_task"], {"task": leaf})
    if asked is None:
        move(tx, leaf, TaskState.PENDING, cause=f"retried by {by}")
    elif asked["kind"] == DecisionKind.CONFLICT:
        _give(
            tx,
            asked["id"],
            Answer(version=asked["version"], answer=AnswerKind.CHOOSE, option=Way.AGAIN, by=by, via="retry"),
        )
    elif asked["kind"] not in ASKS_TO_RETRY:
        raise IllegalMove(f"it waits for the answer to {asked['id']}", hint="answer that", details={"state": "blocked"})
    else:
        _give(tx, asked["id"], Answer(version=asked["version"], answer=AnswerKind.APPROVE, by=by, via="retry"))


def _give(tx: Tx, decision: str, answer: Answer) -> None:
    stage(tx, decision, answer, 0.0)
    confirm(tx, decision)


def _require_way_up(tx: Tx, leaf: str) -> None:
    """A task in a group that has ended never starts, so it is not retried there."""
    above = brief(tx, leaf)["parent"]
    while above is not None:
        group = brief(tx, above)
        if group["state"] in FINAL_TASK_STATES:
            raise Conflict(f"{group['key']} is {group['state']} all the same",
                           hint=f"retry {group['key']}, or skip what else failed in it; what was cancelled is final",
                           details={"state": group["state"]})  # fmt: skip
        above = group["parent"]


def skip(tx: Tx, task: str, by: str) -> None:
    """Go on without one leaf: it is skipped, its gate and decision close, and what only it held back may start."""
    row = brief(tx, task)
    require_orderable(tx, row["goal"])
    if row["kind"] == TaskKind.GROUP:
        raise Invalid(f"{row['key']} is a group of tasks", hint="skip its tasks one by one")
    require_move(TASK, TaskState(row["state"]), TaskState.SKIPPED, row["key"])
    close_waits(tx, task, by=by)
    move(tx, task, TaskState.SKIPPED, cause=f"skipped by {by}")
    release_held(tx, row["goal"])
    reopen_goal(tx, row["goal"])
