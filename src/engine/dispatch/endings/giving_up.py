"""A task that cannot go on by itself: it fails, or a human is asked whether it runs again."""

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.steps import brief
from engine.dispatch.tree.moves import move
from engine.ids import IdSource
from engine.model import DecisionKind, OnFailure, RunRecord, TaskRecord, TaskState
from engine.store import Tx


def give_up(tx: Tx, task: TaskRecord, run: RunRecord, cause: str, ids: IdSource, *, asks: bool = False) -> None:
    """It has failed for good, unless a human is to be asked: where its group says so, or `asks` does."""
    if asks or _group_asks(tx, task):
        question = f"{task.title} failed: {cause.splitlines()[0]}. Run it again?"
        ask(tx, task, run, DecisionKind.FAILURE, cause, question, ids)
    else:
        move(tx, task.id, TaskState.FAILED, cause=cause, run=run.id)


def ask(tx: Tx, task: TaskRecord, run: RunRecord, kind: DecisionKind, cause: str, question: str, ids: IdSource) -> None:
    """It is blocked until the question is answered."""
    move(tx, task.id, TaskState.BLOCKED, cause=cause, run=run.id)
    open_decision(tx, ids, task, kind, question)


def _group_asks(tx: Tx, task: TaskRecord) -> bool:
    return task.parent is not None and brief(tx, task.parent)["on_failure"] == OnFailure.ASK
