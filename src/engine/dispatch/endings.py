"""The end of a run: exit record, failure class and next state in one transaction (R32, R48)."""

import json
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, assert_never

from engine.dispatch.decisions import BASIC, open_decision
from engine.dispatch.goal_moves import end_goal_if_settled
from engine.dispatch.moves import move
from engine.dispatch.outage import Trouble, lost, proved
from engine.dispatch.steps import DECISIONS, RUNS, TASKS, brief
from engine.events import EventType
from engine.ids import IdSource
from engine.model import (
    AnswerKind,
    DecisionKind,
    ExitCause,
    FailureClass,
    OnFailure,
    RunRecord,
    TaskRecord,
    TaskState,
)
from engine.settings import EngineSettings
from engine.store import Tx
from engine.store.rows import task_from

SHORTEST_WAIT, LONGEST_WAIT = 0.005, 24 * 3600.0  # seconds; a backoff is never shorter or longer (R34)


@dataclass(frozen=True)
class Ending:
    """How a run ended. `conflicts`: files that kept its commit out of the goal's branch; `tip`: that branch after
    it; `gaps`: markers in its log; `salvage`: the branch that keeps work which is not in the goal's; `unkept`: why its
    work is in no branch, and still in its folder; `permanent`: trying again cannot help until a human changes
    something; `below`: what ended it lies below the task, and may end others too (R36); `away`: no run can
    start at all; `killed`: an operator ended
    it and says whether it runs again."""

    cause: ExitCause
    message: str
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    last_lines: tuple[str, ...] = ()
    commit: str | None = None
    tip: str | None = None
    conflicts: tuple[str, ...] = ()
    gaps: int = 0
    salvage: str | None = None
    unkept: str = ""
    permanent: bool = False
    below: bool = False
    away: bool = False
    killed: bool = False

    @property
    def succeeded(self) -> bool:
        return self.cause is ExitCause.EXIT and self.exit_code == 0

    def failure_class(self) -> FailureClass:
        """Exactly one class, or none (R32)."""
        match self.cause:
            case ExitCause.EXIT:
                return FailureClass.NONE if self.succeeded else FailureClass.AGENT
            case ExitCause.LOST | ExitCause.START_ERROR | ExitCause.RATE_LIMIT:
                return FailureClass.INFRA
            case ExitCause.CANCELLED:
                return FailureClass.OPERATOR
            case ExitCause.SIGNAL | ExitCause.OOM | ExitCause.TIMEOUT | ExitCause.IDLE:
                return FailureClass.AGENT
            case ExitCause.BUDGET | ExitCause.VERDICT_MISSING:
                return FailureClass.AGENT
            case _:
                assert_never(self.cause)


@dataclass(frozen=True)
class Policy:
    """What decides about trying again."""

    settings: EngineSettings
    ids: IdSource
    random: Random

    def backoff(self, failures: int) -> timedelta:
        """Doubling from `retry_backoff`, jittered by a quarter, clamped."""
        seconds = self.settings.retry_backoff * 2.0 ** min(max(failures, 1) - 1, 20)
        jittered = seconds * (0.75 + self.random.random() / 2)
        return timedelta(seconds=max(SHORTEST_WAIT, min(jittered, LONGEST_WAIT)))


def end_run(tx: Tx, run: RunRecord, ending: Ending, policy: Policy) -> bool:
    """Store the exit record and move the task on; False when the run had ended already."""
    changed = tx.run(
        RUNS["ended"],
        {
            "id": run.id, "cause": ending.cause, "exit_code": ending.exit_code, "signal": ending.signal,
            "oom": int(ending.oom), "message": ending.message, "last_lines": json.dumps(ending.last_lines),
            "commit": ending.commit, "failure_class": ending.failure_class(), "salvage": ending.salvage, "at": tx.at,
        },
    )  # fmt: skip
    if changed != 1:
        return False
    _tell(tx, run, ending)
    proved(tx, run, ending.failure_class())
    if ending.tip is not None:
        renew_content(tx, run.goal, ending.tip)
    stored = tx.one(TASKS["get"], {"id": run.task})
    assert stored is not None
    if TaskState(stored["state"]) in (TaskState.CLAIMED, TaskState.RUNNING):
        _move_on(tx, dict(stored), run, ending, policy)
    end_goal_if_settled(tx, run.goal)
    return True


def _tell(tx: Tx, run: RunRecord, ending: Ending) -> None:
    special = {ExitCause.OOM: EventType.SANDBOX_OOM, ExitCause.LOST: EventType.SANDBOX_LOST}.get(ending.cause)
    if special is not None:
        tx.emit(special, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, memory=run.memory)
    if ending.cause in (ExitCause.TIMEOUT, ExitCause.IDLE, ExitCause.CANCELLED):
        tx.emit(EventType.SANDBOX_STOPPED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox)
    if ending.gaps:
        tx.emit(EventType.LOG_GAP, goal=run.goal, task=run.task, run=run.id, gaps=ending.gaps)
    tx.emit(EventType.RUN_ENDED, goal=run.goal, task=run.task, run=run.id, n=run.n, cause=ending.cause,
            exit_code=ending.exit_code, signal=ending.signal, oom=ending.oom, message=ending.message,
            salvage=ending.salvage)  # fmt: skip


def renew_content(tx: Tx, goal: str, tip: str) -> None:
    """The goal's branch moved: an open approval asks about the new content, a staged one is taken back (R82)."""
    values = {"goal": goal, "content": tip}
    for row in tx.all(DECISIONS["staged_on_old_content"], values):
        tx.run(DECISIONS["undo"], {"id": row["id"]})
        tx.emit(EventType.DECISION_UNDONE, goal=goal, decision=row["id"], why="content changed", content=tip)
    tx.run(DECISIONS["new_content"], values)


def _move_on(tx: Tx, row: dict[str, Any], run: RunRecord, ending: Ending, policy: Policy) -> None:
    if row["cancelling"]:
        move(tx, run.task, TaskState.CANCELLED, cause=row["cause"] or "cancelled", run=run.id, row=row)
        return
    task = task_from(row)
    if ending.unkept:
        cause = f"{ending.unkept} ({ending.message.splitlines()[0]})"
        _ask(tx, task, run, DecisionKind.FAILURE, cause, f"{task.title}: {ending.unkept}. Run it again?", policy)
        return
    match ending.failure_class():
        case FailureClass.NONE:
            _succeed(tx, task, row, run, ending, policy)
        case FailureClass.OPERATOR if ending.killed:
            question = f"{task.title} was {ending.message.splitlines()[0]}. Run it again?"
            _ask(tx, task, run, DecisionKind.FAILURE, ending.message, question, policy)
        case FailureClass.OPERATOR:
            move(tx, task.id, TaskState.PENDING, cause=ending.message, run=run.id)
        case FailureClass.AGENT:
            _agent_failed(tx, task, run, ending, policy)
        case FailureClass.INFRA:
            _infra_failed(tx, task, run, ending, policy)


def _succeed(tx: Tx, task: TaskRecord, row: dict[str, Any], run: RunRecord, ending: Ending, policy: Policy) -> None:
    if ending.conflicts:
        files = ", ".join(ending.conflicts[:5])
        cause = f"its change conflicts with the goal's branch in {files}"
        _ask(tx, task, run, DecisionKind.FAILURE, cause, f"{task.title}: {cause}. Run it again on the newer branch?",
             policy)  # fmt: skip
    elif task.spec.requires_approval:
        move(tx, task.id, TaskState.REVIEW, run=run.id, row=row)
        open_decision(tx, policy.ids, task, DecisionKind.REVIEW, f"Is the result of {task.title} right?",
                      options=(*BASIC, AnswerKind.CHANGES), content=ending.commit)  # fmt: skip
    else:
        move(tx, task.id, TaskState.DONE, run=run.id, row=row)


def _agent_failed(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> None:
    tx.run(TASKS["count_failure"], {"id": task.id, "agent": 1, "infra": 0})
    failures = task.failures + 1
    if failures <= task.spec.retries:
        again = tx.now + policy.backoff(failures)
        move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
    elif _group_asks(tx, task):
        question = f"{task.title} failed: {ending.message.splitlines()[0]}. Run it again?"
        _ask(tx, task, run, DecisionKind.FAILURE, ending.message, question, policy)
    else:
        move(tx, task.id, TaskState.FAILED, cause=ending.message, run=run.id)


def _infra_failed(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> None:
    if ending.below or ending.cause is ExitCause.LOST:
        trouble = Trouble(ending.message.splitlines()[0], alone=ending.away)
        outage, again = lost(tx, run, trouble, policy.settings, policy.ids, policy.random)
        if outage:
            move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
            return
    tx.run(TASKS["count_failure"], {"id": task.id, "agent": 0, "infra": 1})
    failures = task.infra_failures + 1
    if failures <= policy.settings.infra_retries and not ending.permanent:
        again = tx.now + policy.backoff(failures)
        move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
        return
    question = f"{task.title} could not run: {ending.message.splitlines()[0]}. Try again?"
    _ask(tx, task, run, DecisionKind.SPAWN_FAILURE, ending.message, question, policy)


def _ask(
    tx: Tx, task: TaskRecord, run: RunRecord, kind: DecisionKind, cause: str, question: str, policy: Policy
) -> None:
    move(tx, task.id, TaskState.BLOCKED, cause=cause, run=run.id)
    open_decision(tx, policy.ids, task, kind, question)


def _group_asks(tx: Tx, task: TaskRecord) -> bool:
    return task.parent is not None and brief(tx, task.parent)["on_failure"] == OnFailure.ASK
