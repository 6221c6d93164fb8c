"""A verdict that asks for changes: a round of rework, a wait for others, or the end of the rounds (R87, R88)."""

import json
from functools import partial
from typing import Any

from engine.dispatch.decisions.lifecycle import BASIC, open_decision
from engine.dispatch.rework.again import begin_round, reopen, take_up, tell
from engine.dispatch.rework.panel import asking, waits
from engine.dispatch.steps import DECISIONS, TASKS, VERDICTS, brief, line, stored_task
from engine.dispatch.tree.moves import move
from engine.errors import Conflict
from engine.events import EventType
from engine.ids import IdSource
from engine.model import (
    FINAL_TASK_STATES,
    AnswerKind,
    DecisionKind,
    DecisionRecord,
    Judgement,
    OnReject,
    RunRecord,
    TaskRecord,
    TaskState,
    Then,
)
from engine.store import Committed, Database, Tx
from engine.store.rows import verdict_from

LONGEST_CAUSE = 300  # characters of a verdict's own words in a cause or a question
WAITS = "rework waits for what else is at work on the same, or decides about it"
HOPELESS = (TaskState.FAILED, TaskState.CANCELLED, TaskState.SKIPPED)


def keep_verdict(tx: Tx, run: RunRecord, key: str, verdict: Judgement) -> None:
    """Store what a run says of what it looked at, and tell of it."""
    values = verdict.model_dump(mode="json")
    lists = {name: json.dumps(values[name]) for name in ("findings", "checks")}
    tx.run(VERDICTS["insert"], {**values, **lists, "run": run.id, "goal": run.goal, "task": run.task, "at": tx.at})
    tx.emit(EventType.TASK_VERDICT, goal=run.goal, task=run.task, run=run.id, key=key, kind=verdict.kind,
            passed=verdict.passed, words=_short(verdict.words), findings=len(verdict.findings))  # fmt: skip


def object_to(
    tx: Tx, task: TaskRecord, run: RunRecord, verdict: Judgement, content: str | None, ids: IdSource
) -> str | None:
    """What follows when a judge asks for changes; the cause when the task is to fail for it.

    `content` is the commit it looked at. Under `then: ask` the last round is followed by a decision, and by no other
    round (R87).
    """
    on_reject = task.spec.on_reject
    if on_reject is None:
        return _short(verdict.words)
    tx.run(VERDICTS["set_open"], {"run": run.id, "open": 1})
    target = _target(tx, task, on_reject)
    if target is None:
        why = f"{_short(verdict.words)} ({_why_not(tx, task, on_reject)})"
        if on_reject.then is Then.FAIL:
            tx.run(VERDICTS["set_open"], {"run": run.id, "open": 0})
            return why
        move(tx, task.id, TaskState.REVIEW, cause=why, run=run.id)
        _ask(tx, task, why, ids, content, run.id)
        return None
    row = brief(tx, task.id)
    if waits(tx, row, target):
        move(tx, task.id, TaskState.BLOCKED, cause=f"{_short(verdict.words)}; {WAITS}", run=run.id)
    else:
        _begin(tx, row, target)
    return None


def gate_failed(tx: Tx, task: str, why: str) -> bool:
    """A signal said no at a gate: the work before it runs again with that, as long as there are rounds left. False when
    the gate has simply failed."""
    record = stored_task(tx, task)
    on_reject = record.spec.on_reject
    if on_reject is None:
        return False
    target = _target(tx, record, on_reject)
    if target is not None:
        _send_back(tx, brief(tx, task), target, why)
    elif on_reject.then is Then.ASK:
        move(tx, task, TaskState.BLOCKED, cause=f"{_short(why)} ({_why_not(tx, record, on_reject)})")
    return target is not None or on_reject.then is Then.ASK


def _send_back(tx: Tx, gate: dict[str, Any], target: dict[str, Any], why: str) -> None:
    tell(tx, target["id"], f"{gate['key']}: {why}")
    begin_round(tx, gate, target["id"])
    reopen(tx, target["id"], f"{gate['key']}: {_short(why)}")
    if brief(tx, gate["id"])["state"] != TaskState.PENDING:
        move(tx, gate["id"], TaskState.PENDING, cause=f"{target['key']} runs again first")


def _ask(tx: Tx, task: TaskRecord, why: str, ids: IdSource, content: str | None, run: str | None) -> None:
    """What becomes of a no after the last round."""
    on_reject = task.spec.on_reject
    assert on_reject is not None
    possible = _found(tx, task.goal, on_reject) is not None
    more = f", let {on_reject.rework} run once more with your words (changes)" if possible else ""
    question = f"{task.title}: {why}. Accept it as it is (approve){more}, or stop (reject)?"
    evidence = {"run": run, "rework": on_reject.rework, "rounds": _own_rounds(tx, task)}
    options = (*BASIC, AnswerKind.CHANGES) if possible else BASIC
    open_decision(tx, ids, task, DecisionKind.REWORK, question, options=options, content=content, evidence=evidence)


def answered(tx: Tx, decision: DecisionRecord) -> None:
    """What a human said at the end of the rounds: accepted as it is, one more round, or an end."""
    row, task = brief(tx, decision.task), stored_task(tx, decision.task)
    said = tx.one(VERDICTS["open_of_task"], {"task": task.id})
    if decision.answer is AnswerKind.CHANGES:
        target = None if task.spec.on_reject is None else _found(tx, task.goal, task.spec.on_reject)
        if target is None:
            raise Conflict(f"what {task.key} sends back cannot run again", hint="approve or reject")
        tell(tx, target["id"], str(decision.feedback), decision=decision.id)
        if said is None:
            _send_back(tx, row, target, str(task.cause))
        else:
            _begin(tx, row, target)
        return
    if said is not None:
        tx.run(VERDICTS["set_open"], {"run": said["run"], "open": 0})
    frm = (TaskState.REVIEW, TaskState.BLOCKED)
    if decision.answer is AnswerKind.APPROVE:
        to = TaskState.DONE if task.state is TaskState.REVIEW else TaskState.SKIPPED
        move(tx, task.id, to, frm=frm, cause=f"accepted as it is by {decision.by}")
    else:
        move(tx, task.id, TaskState.FAILED, frm=frm, cause=f"rejected: {decision.feedback}")


class Objections:
    """Objections that wait for others, looked at again when something of their goals has moved; and gates at the end of
    their rounds, which are asked about."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids
        self._goals: set[str] = set()
        self._changed = True  # there may be some in the store

    def follow(self, committed: Committed) -> None:
        """Take note of what a commit made true."""
        self._goals |= {e.goal for e in committed.events if e.type is EventType.TASK_VERDICT and e.goal is not None}
        self._goals |= {e.goal for e in committed.events if e.type is EventType.GATE_RESOLVED and e.goal is not None}
        self._changed = self._changed or any(moved.goal in self._goals for moved in committed.moved)

    async def settle(self) -> None:
        """Begin the rounds that nothing holds back any more."""
        if not self._changed:
            return
        self._changed = False
        waiting = await self._database.all(VERDICTS["open"])
        self._goals = {row["goal"] for row in waiting}
        for row in waiting:
            if row["state"] == TaskState.BLOCKED:
                await self._database.write(partial(_settle, task=row["task"], ids=self._ids))
        for row in await self._database.all(VERDICTS["gates_at_the_end"]):
            await self._database.write(partial(_ask_where_blocked, task=row["id"], ids=self._ids))


def _settle(tx: Tx, task: str, ids: IdSource) -> None:
    row, record = brief(tx, task), stored_task(tx, task)
    if tx.one(VERDICTS["open_of_task"], {"task": task}) is None or _over(tx, row):
        return  # another round has taken it up
    target = None if record.spec.on_reject is None else _found(tx, row["goal"], record.spec.on_reject)
    if target is None:  # it was edited away meanwhile
        _ask_where_blocked(tx, task, ids)
    elif not waits(tx, row, target):
        _begin(tx, row, target)


def _ask_where_blocked(tx: Tx, task: str, ids: IdSource) -> None:
    record = stored_task(tx, task)
    if tx.one(DECISIONS["open_of_task"], {"task": task}) is None and not _over(tx, brief(tx, task)):
        _ask(tx, record, str(record.cause), ids, None, None)


def _over(tx: Tx, row: dict[str, Any]) -> bool:
    """Whether it waits for nothing any more: it went on, is being cancelled, or what it is in has ended."""
    ended = any(here["state"] in FINAL_TASK_STATES for here in line(tx, row))
    return ended or row["state"] != TaskState.BLOCKED or bool(row["cancelling"])


def _begin(tx: Tx, judge: dict[str, Any], target: dict[str, Any]) -> None:
    """One round for all who ask the same target for changes; each of them looks again."""
    first = tx.one(VERDICTS["open_of_task"], {"task": judge["id"]})
    assert first is not None
    cause = f"{judge['key']} {_short(verdict_from(first).words)}"
    askers = [judge["id"], *(row["task"] for row in asking(tx, target, but=judge["id"]))]
    reopen(tx, target["id"], cause)
    for asker in askers:
        take_up(tx, asker)
        if brief(tx, asker)["state"] != TaskState.PENDING:
            move(tx, asker, TaskState.PENDING, cause=f"{target['key']} runs again first")


def _target(tx: Tx, task: TaskRecord, on_reject: OnReject) -> dict[str, Any] | None:
    """The task that runs again in one more round; None when there is none left. What a human sent back at a gate is no
    round of it."""
    return None if _own_rounds(tx, task) >= on_reject.max_cycles else _found(tx, task.goal, on_reject)


def _own_rounds(tx: Tx, task: TaskRecord) -> int:
    row = tx.one(VERDICTS["own_rounds"], {"task": task.id})
    return 0 if row is None else int(row["n"])


def _found(tx: Tx, goal: str, on_reject: OnReject) -> dict[str, Any] | None:
    """The task that is named; None when it is gone, or ended for good."""
    row = tx.one(TASKS["by_key"], {"goal": goal, "key": on_reject.rework})
    target = None if row is None else brief(tx, row["id"])
    return None if target is None or target["state"] in HOPELESS else target


def _why_not(tx: Tx, task: TaskRecord, on_reject: OnReject) -> str:
    done = _own_rounds(tx, task)
    if done >= on_reject.max_cycles:
        return f"after {done} {'round' if done == 1 else 'rounds'} of rework"
    return f"{on_reject.rework} cannot run again"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}…"
