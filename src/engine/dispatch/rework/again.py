"""Rework: the named task and everything that rests on it runs again, with the words why (R79, R89)."""

from collections import deque
from typing import Any

from engine.dispatch.endings.closing import close_waits
from engine.dispatch.steps import DECISIONS, TASKS, VERDICTS, brief, leaves, stored_task
from engine.dispatch.tree.moves import move
from engine.errors import NotFound
from engine.events import EventType
from engine.model import (
    LIVE_TASK_STATES,
    DecisionKind,
    DecisionRecord,
    Order,
    RunRecord,
    TaskKind,
    TaskState,
)
from engine.store import Tx
from engine.store.rows import spec_from, verdict_from


def reopen_for_gate(tx: Tx, decision: DecisionRecord) -> None:
    """Changes were asked for: the work runs again with the words, and what rests on it opens anew (R79, R89)."""
    gate_task = stored_task(tx, decision.task)
    spec = gate_task.spec.gate
    assert spec is not None
    assert spec.rework is not None
    row = tx.one(TASKS["by_key"], {"goal": decision.goal, "key": spec.rework})
    if row is None:
        raise NotFound(f"{gate_task.key} names {spec.rework} for rework, which is not there")
    cause = f"changes requested: {decision.feedback}"
    tell(tx, row["id"], str(decision.feedback), decision=decision.id)
    begin_round(tx, brief(tx, gate_task.id), row["id"], decision=decision.id)
    reopen(tx, row["id"], cause)
    if brief(tx, gate_task.id)["state"] == TaskState.WAITING:  # an edit may have put it elsewhere
        move(tx, gate_task.id, TaskState.PENDING, frm=(TaskState.WAITING,), cause=cause)


def reopen(tx: Tx, task: str, cause: str) -> None:
    """The leaves of `task`, and everything that rests on them, are pending again: what was done, what waits, what a
    human was asked about. What runs does so once it has ended."""
    for leaf in resting(tx, task):
        match TaskState(leaf["state"]):
            case TaskState.DONE:
                move(tx, leaf["id"], TaskState.PENDING, frm=(TaskState.DONE,), cause=cause)
            case TaskState.WAITING | TaskState.REVIEW:
                take_up(tx, leaf["id"])
                close_waits(tx, leaf["id"], by="rework")
                move(tx, leaf["id"], TaskState.PENDING, cause=cause)
            case TaskState.BLOCKED if take_up(tx, leaf["id"]) or _ends_rounds(tx, leaf["id"]):
                close_waits(tx, leaf["id"], by="rework")
                move(tx, leaf["id"], TaskState.PENDING, cause=cause)
            case TaskState.CLAIMED | TaskState.RUNNING:
                tx.run(VERDICTS["mark_outdated"], {"id": leaf["id"]})
            case _:
                pass  # it has not begun, or what it waits for is another matter


def _ends_rounds(tx: Tx, task: str) -> bool:
    """Whether a gate asks what becomes of its no."""
    return any(row["kind"] == DecisionKind.REWORK for row in tx.all(DECISIONS["open_of_task"], {"task": task}))


def resting(tx: Tx, task: str) -> list[dict[str, Any]]:
    """The leaves of a task, then every leaf that comes after one of them, by needs or by order, near or far."""
    found = {leaf["id"]: leaf for leaf in leaves(tx, task)}
    changed, seen = deque([task, *found]), set[str]()
    while changed:
        top = changed.popleft()
        if top in seen:
            continue
        seen.add(top)
        here = brief(tx, top)
        for other in _after(tx, here):
            below = {leaf["id"]: leaf for leaf in leaves(tx, other)}
            found |= below
            changed += [other, *below]
        if here["parent"] is not None:
            changed.append(here["parent"])
    return list(found.values())


def _after(tx: Tx, here: dict[str, Any]) -> list[str]:
    """What waits for this very task or group."""
    after = [row["id"] for row in tx.all(TASKS["dependants"], {"id": here["id"]})]
    if here["parent"] is not None and brief(tx, here["parent"])["ordering"] == Order.SEQUENTIAL:
        siblings = tx.all(TASKS["siblings"], {"parent": here["parent"], "id": here["id"]})
        after += [row["id"] for row in siblings if row["position"] > here["position"]]
    return after


def take_up(tx: Tx, task: str) -> bool:
    """What this task has asked for is done with the round that begins: its words go to its own target. False when it
    asks for nothing."""
    row = tx.one(VERDICTS["open_of_task"], {"task": task})
    if row is None:
        return False
    tx.run(VERDICTS["set_open"], {"run": row["run"], "open": 0})
    on_reject = spec_from({"id": task, "spec": row["spec"]}).on_reject
    target = None if on_reject is None else tx.one(TASKS["by_key"], {"goal": row["goal"], "key": on_reject.rework})
    if target is not None:
        tell(tx, target["id"], f"{row['key']}: {verdict_from(row).told}", run=row["run"])
        begin_round(tx, brief(tx, task), target["id"], run=row["run"])
    return True


def run_anew(tx: Tx, run: RunRecord) -> None:
    """A run has ended whose work was sent back meanwhile: what it asks for is told all the same, nothing else of it
    counts."""
    tx.run(VERDICTS["set_open"], {"run": run.id, "open": 1})
    said = tx.one(VERDICTS["open_of_task"], {"task": run.task})
    if said is not None and not said["passed"]:
        take_up(tx, run.task)
    tx.run(VERDICTS["set_open"], {"run": run.id, "open": 0})
    move(tx, run.task, TaskState.PENDING, cause="what it worked on runs again", run=run.id)


def begin_round(
    tx: Tx, asker: dict[str, Any], target: str, *, run: str | None = None, decision: str | None = None
) -> None:
    """Count it for whoever asked: a judge by its run, a gate by its decision."""
    values = {"goal": asker["goal"], "task": asker["id"], "target": target, "run": run, "decision": decision}
    tx.run(VERDICTS["begin_round"], {**values, "at": tx.at})
    tx.emit(EventType.TASK_REWORK, goal=asker["goal"], task=asker["id"], run=run, key=asker["key"],
            target=brief(tx, target)["key"], round=rounds(tx, asker["id"]))  # fmt: skip


def rounds(tx: Tx, task: str) -> int:
    """How often this task has sent work back."""
    row = tx.one(VERDICTS["rounds"], {"task": task})
    return 0 if row is None else int(row["n"])


def live_on(tx: Tx, target: str, *, but: str) -> bool:
    """Whether anything runs on the result of a task that is to be redone, one task left out."""
    return any(leaf["state"] in LIVE_TASK_STATES and leaf["id"] != but for leaf in resting(tx, target))


def tell(tx: Tx, task: str, text: str, *, decision: str | None = None, run: str | None = None) -> None:
    """Words for the next run of every leaf of a task."""
    for leaf in leaves(tx, task):
        if leaf["kind"] == TaskKind.WORK:
            add_words(tx, leaf["id"], text, decision=decision, run=run)


def add_words(tx: Tx, task: str, text: str, *, decision: str | None = None, run: str | None = None) -> None:
    """Words for the next run of one task, once for each decision or verdict they come from."""
    tx.run(DECISIONS["add_feedback"], {"task": task, "decision": decision, "run": run, "text": text, "at": tx.at})


def add_feedback(tx: Tx, task: str, decision: DecisionRecord) -> None:
    add_words(tx, task, str(decision.feedback), decision=decision.id)
