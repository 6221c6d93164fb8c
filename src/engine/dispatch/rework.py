"""Rework: the named task and everything already done that rests on it runs again, with the words why (R79, R89)."""

from engine.dispatch.moves import move
from engine.dispatch.steps import DECISIONS, TASKS, brief, leaves
from engine.errors import NotFound
from engine.model import DecisionRecord, Order, TaskKind, TaskRecord, TaskState
from engine.store import Tx
from engine.store.rows import task_from


def reopen_for_gate(tx: Tx, decision: DecisionRecord) -> None:
    """Changes were asked for: the work runs again with the words, and what rests on it opens anew (R79, R89)."""
    gate_task = _task(tx, decision.task)
    spec = gate_task.spec.gate
    assert spec is not None
    assert spec.rework is not None
    row = tx.one(TASKS["by_key"], {"goal": decision.goal, "key": spec.rework})
    if row is None:
        raise NotFound(f"{gate_task.key} names {spec.rework} for rework, which is not there")
    cause = f"changes requested: {decision.feedback}"
    for leaf in leaves(tx, row["id"]):
        if leaf["kind"] == TaskKind.WORK:
            add_feedback(tx, leaf["id"], decision)
    reopen(tx, row["id"], cause)
    move(tx, gate_task.id, TaskState.PENDING, frm=(TaskState.WAITING,), cause=cause)


def reopen(tx: Tx, task: str, cause: str) -> None:
    """done → pending for the leaves of `task` and everything already done that needs their result."""
    seen: set[str] = set()
    tops = [task]
    while tops:
        top = tops.pop()
        if top in seen:
            continue
        seen.add(top)
        for leaf in leaves(tx, top):
            if leaf["state"] == TaskState.DONE:
                move(tx, leaf["id"], TaskState.PENDING, frm=(TaskState.DONE,), cause=cause)
        tops += [row["id"] for row in tx.all(TASKS["dependants"], {"id": top})]
        here = brief(tx, top)
        if here["parent"] is not None:
            parent = brief(tx, here["parent"])
            if parent["ordering"] == Order.SEQUENTIAL:
                siblings = tx.all(TASKS["siblings"], {"parent": here["parent"], "id": top})
                tops += [row["id"] for row in siblings if row["position"] > here["position"]]
            tops += [row["id"] for row in tx.all(TASKS["dependants"], {"id": here["parent"]})]


def add_feedback(tx: Tx, task: str, decision: DecisionRecord) -> None:
    values = {"task": task, "decision": decision.id, "text": decision.feedback, "at": tx.at}
    tx.run(DECISIONS["add_feedback"], values)


def _task(tx: Tx, task: str) -> TaskRecord:
    row = tx.one(TASKS["get"], {"id": task})
    if row is None:
        raise NotFound(f"no task {task}")
    return task_from(row)
