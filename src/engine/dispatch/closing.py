"""Ends without an answer: open waits of a task, and what is left in a group that has ended."""

from typing import Any

from engine.dispatch.steps import DECISIONS, GATES, TASKS, change, leaves
from engine.events import EventType
from engine.model import DecisionKind, TaskState
from engine.store import Tx


def close_group(tx: Tx, group: dict[str, Any]) -> list[dict[str, Any]]:
    """What is left in a group that ended: skipped when it is done, otherwise its open waits end with it."""
    done = group["state"] == TaskState.DONE
    cause = f"{group['key']} is {group['state']}"
    ended = []
    for leaf in leaves(tx, group["id"]):
        match TaskState(leaf["state"]):
            case TaskState.PENDING | TaskState.BLOCKED if done:
                close_waits(tx, leaf["id"], by="group")
                change(tx, leaf, TaskState.SKIPPED, cause=cause)
            case TaskState.WAITING | TaskState.REVIEW:
                close_waits(tx, leaf["id"], by="group")
                change(tx, leaf, TaskState.CANCELLED, cause=cause)
            case TaskState.CLAIMED | TaskState.RUNNING if done:
                request_end(tx, leaf["id"], cause)
                continue
            case _:
                continue
        ended.append(leaf)
    return ended


def request_end(tx: Tx, task: str, cause: str) -> None:
    """A task that runs is cancelled when its run has ended, and that is asked for once this is committed."""
    tx.run(TASKS["mark_cancelling"], {"id": task, "cause": cause})
    tx.to_end.append(task)


def close_waits(tx: Tx, task: str, *, by: str) -> None:
    """End a task's open gate and decision without an answer."""
    for gate in tx.all(GATES["open_of_task"], {"task": task}):
        tx.run(GATES["resolve"], {"id": gate["id"], "to": "cancelled", "actor": by, "at": tx.at})
        tx.emit(EventType.GATE_RESOLVED, goal=gate["goal"], task=task, gate=gate["id"], state="cancelled", actor=by)
    for decision in tx.all(DECISIONS["open_of_task"], {"task": task}):
        end_decision(tx, dict(decision), "cancelled", by=by)


def end_question_below(tx: Tx, goal: str) -> None:
    """A question about the machine that stands at this goal ends with it; the next lost probe asks elsewhere."""
    for row in tx.all(DECISIONS["open_of_goal"], {"goal": goal}):
        decision = tx.one(DECISIONS["get"], {"id": row["id"]})
        if decision is not None and decision["kind"] == DecisionKind.INFRASTRUCTURE:
            end_decision(tx, dict(decision), "cancelled", by="goal")


def end_decision(tx: Tx, decision: dict[str, Any], to: str, *, by: str) -> None:
    """An open decision ends unanswered; a staged answer is taken back first."""
    tx.run(DECISIONS["undo"], {"id": decision["id"]})
    tx.run(DECISIONS["end"], {"id": decision["id"], "to": to, "at": tx.at, "by": by})
    kind = EventType.DECISION_EXPIRED if to == "expired" else EventType.DECISION_CANCELLED
    tx.emit(kind, goal=decision["goal"], task=decision["task"], decision=decision["id"], by=by)
