"""Ends without an answer: open waits of a task, and what is left in a group that has ended."""

from typing import Any

from engine.api import LedgerAction
from engine.dispatch.ledger import record
from engine.dispatch.steps import DECISIONS, GATES, TASKS, TREES, change
from engine.errors import Unreadable
from engine.events import EventType
from engine.model import DecisionKind, DecisionRecord, TaskState
from engine.store import Tx, named_queries
from engine.store.rows import columns_of, decision_from

DECIDING = named_queries("deciding")


def close_group(tx: Tx, group: dict[str, Any]) -> list[dict[str, Any]]:
    """What is left in a group that ended: skipped when it is done, otherwise its open waits end with it."""
    done = group["state"] == TaskState.DONE
    cause = f"{group['key']} is {group['state']}"
    ended = []
    for leaf in map(columns_of, tx.all(TREES["unended_below"], {"id": group["id"]})):
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
        values = {"id": gate["id"], "to": "cancelled", "actor": by, "at": tx.at, "cause": None, "signal": None}
        tx.run(GATES["resolve"], values)
        tx.emit(EventType.GATE_RESOLVED, goal=gate["goal"], task=task, gate=gate["id"], state="cancelled", actor=by)
    for decision in tx.all(DECISIONS["open_of_task"], {"task": task}):
        end_decision(tx, dict(decision), "cancelled", by=by)


def end_question_below(tx: Tx, goal: str) -> None:
    """A question about the machine that stands at this goal ends with it, the next lost probe asks elsewhere; so does
    one about its budget."""
    for row in tx.all(DECISIONS["open_of_goal"], {"goal": goal}):
        decision = tx.one(DECISIONS["get"], {"id": row["id"]})
        if decision is not None and decision["kind"] in (DecisionKind.INFRASTRUCTURE, DecisionKind.BUDGET):
            end_decision(tx, dict(decision), "cancelled", by="goal")


def end_decision(tx: Tx, decision: dict[str, Any], to: str, *, by: str, why: str = "") -> None:
    """An open decision ends unanswered; a staged answer is taken back first."""
    held = _held(decision)
    tx.run(DECISIONS["undo"], {"id": decision["id"]})
    tx.run(DECISIONS["end"], {"id": decision["id"], "to": to, "at": tx.at, "by": by})
    void = ": ".join(filter(None, ("an answer that was staged is void" if held.answer is not None else "", why)))
    record(tx, LedgerAction(to), held.model_copy(update={"answer": None}), by=by, note=void)
    kind = EventType.DECISION_EXPIRED if to == "expired" else EventType.DECISION_CANCELLED
    tx.emit(kind, goal=decision["goal"], task=decision["task"], decision=decision["id"], by=by,
            **({"why": why} if why else {}))  # fmt: skip


def _held(decision: dict[str, Any]) -> DecisionRecord:
    """The decision, without what of it cannot be read: it can be ended all the same (R16)."""
    try:
        return decision_from(decision)
    except Unreadable:
        lists = dict.fromkeys(("options", "choices", "fields"), "[]")
        return decision_from({**decision, **lists, "evidence": "{}", "filled": "{}"})


def leave_asks(tx: Tx, task: str, *, keep_questions: bool) -> bool:
    """A run ended: what it asked leave for is pointless; an open question stays where its goal must not go on
    without the answer. Whether one stays."""
    stays = False
    for row in tx.all(DECIDING["open_asks_of_task"], {"task": task}):
        if keep_questions and row["kind"] == DecisionKind.QUESTION:
            stays = True
        else:
            end_decision(tx, dict(row), "cancelled", by="run")
    return stays
