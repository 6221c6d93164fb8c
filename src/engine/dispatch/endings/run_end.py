"""The end of a run: exit record, failure class and next state in one transaction (R32, R48)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.dispatch.agent.leases import release_all
from engine.dispatch.decisions.lifecycle import BASIC, open_decision
from engine.dispatch.decisions.ruling import answer_by_rule
from engine.dispatch.endings.closing import leave_asks
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.giving_up import ask, give_up
from engine.dispatch.limits.budgets import finish_rest
from engine.dispatch.limits.cooldowns import ended_on, works_again
from engine.dispatch.limits.outage import SUBJECT as BREAKER
from engine.dispatch.limits.outage import Trouble, breaker_from, lost, proved
from engine.dispatch.orders.goal_moves import end_goal_if_settled
from engine.dispatch.rework.again import run_anew
from engine.dispatch.rework.objections import keep_verdict, object_to
from engine.dispatch.stalls.answers import STALL, end_stall, restarted
from engine.dispatch.steps import RUNS, TASKS
from engine.dispatch.testers.outcomes import Attempt, end_test, leave_batch
from engine.dispatch.tree.moves import move
from engine.dispatch.tree.rollup import ALIVE
from engine.dispatch.work.conflicts import ask_about
from engine.dispatch.work.content import renew_content
from engine.events import EventType
from engine.model import (
    FINAL_TASK_STATES,
    AnswerKind,
    DecisionKind,
    ExitCause,
    FailureClass,
    GoalState,
    RunRecord,
    TaskRecord,
    TaskState,
    VerdictKind,
)
from engine.store import Tx
from engine.store.rows import columns_of, spec_from, task_from


def end_run(tx: Tx, run: RunRecord, ending: Ending, policy: Policy) -> bool:
    """Store the exit record and move the task on; False when the run had ended already."""
    if tx.rows(RUNS["ended"], [exit_record(tx, run, ending)]) != 1:
        return False
    row = at_their_end(tx, [run.id])[run.id]
    ending = let_go(tx, row, run, ending)
    if row["state"] in ALIVE:
        _move_on(tx, row, run, ending, policy)
    if row["finishing"]:
        finish_rest(tx, run.goal, run.task)
    # A root that this very end brings to its own end ends the goal on its way there, unless other runs live.
    if row["finishing"] or row["root_state"] in FINAL_TASK_STATES or row["goal_state"] == GoalState.DRAINING:
        end_goal_if_settled(tx, run.goal)
    return True


def exit_record(tx: Tx, run: RunRecord, ending: Ending) -> tuple[object, ...]:
    return (
        run.id, ending.cause, ending.exit_code, ending.signal, int(ending.oom), ending.message,
        json.dumps(ending.last_lines), ending.commit, ending.failure_class(), ending.salvage, tx.at,
    )  # fmt: skip


def at_their_end(tx: Tx, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By run: its task's row, and which of the things that may hang on it do: hardly ever does one."""
    values = {"runs": json.dumps(runs), "stall": STALL, "breaker": BREAKER}
    return {row["run"]: columns_of(row) for row in tx.all(TASKS["at_their_end"], values)}


def let_go(tx: Tx, row: dict[str, Any], run: RunRecord, ending: Ending) -> Ending:
    """What hangs on a run ends with it, and its end is told; its ending, which may leave a question open."""
    if row["leases"]:
        release_all(tx, run)
    _tell(tx, run, ending)
    if ending.verdict is not None:
        keep_verdict(tx, run, row["key"], ending.verdict)
    if row["breaker"] is not None:
        proved(tx, run, ending.failure_class(), breaker_from(row["breaker"]))
    if run.profile is not None and ending.succeeded:
        works_again(tx, run)
    if ending.tip is not None:
        renew_content(tx, run.goal, ending.tip)
    if row["stalled"]:
        end_stall(tx, run.id)
    void = ending.unkept or ending.clash or row["cancelling"] or not ending.counts
    counts = row["state"] in ALIVE and row["tests"] is None and not void
    if row["asks"] and leave_asks(tx, run.task, keep_questions=counts):
        return replace(ending, asks=True)
    return ending


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


def _move_on(tx: Tx, row: dict[str, Any], run: RunRecord, ending: Ending, policy: Policy) -> None:
    if row["cancelling"]:
        leave_batch(tx, run)
        move(tx, run.task, TaskState.CANCELLED, cause=row["cause"] or "cancelled", run=run.id, row=row)
        return
    if row["tests"] is not None and row["engine_deaths"] < policy.settings.start_deaths:
        end_test(tx, row, run, _attempt(tx, task_from(row), run, ending, policy), policy.ids)
        return
    own = ending.failure_class() in (FailureClass.NONE, FailureClass.AGENT)
    if row["outdated"] and own and not (ending.unkept or ending.clash):
        run_anew(tx, run)
        return
    if is_done(row, ending):
        move(tx, run.task, TaskState.DONE, run=run.id, row=row)
        return
    task = task_from(row)
    if ending.unkept:
        cause = f"{ending.unkept} ({ending.message.splitlines()[0]})"
        ask(tx, task, run, DecisionKind.FAILURE, cause, f"{task.title}: {ending.unkept}. Run it again?", policy.ids)
        return
    match ending.failure_class():
        case FailureClass.NONE if ending.objects and ending.verdict is not None:
            no = object_to(tx, task, run, ending.verdict, ending.commit, policy.ids)
            if no is not None:
                give_up(tx, task, run, no, policy.ids)
        case FailureClass.NONE:
            _ask_about_success(tx, task, row, run, ending, policy)
        case FailureClass.OPERATOR if ending.killed:
            question = f"{task.title} was {ending.message.splitlines()[0]}. Run it again?"
            ask(tx, task, run, DecisionKind.FAILURE, ending.message, question, policy.ids)
        case FailureClass.OPERATOR:
            cause = restarted(tx, run.id, task.id) or ending.message
            move(tx, task.id, TaskState.PENDING, cause=cause, run=run.id)
        case FailureClass.AGENT:
            _agent_failed(tx, task, run, ending, policy)
        case FailureClass.RATE_LIMIT:
            _rate_limited(tx, task, run, ending, policy)
        case FailureClass.INFRA:
            _infra_failed(tx, task, run, ending, policy)


def _ask_about_success(
    tx: Tx, task: TaskRecord, row: dict[str, Any], run: RunRecord, ending: Ending, policy: Policy
) -> None:
    if ending.clash is not None:
        ask_about(tx, policy.ids, task, run, ending.clash, ending.salvage)
    else:
        move(tx, task.id, TaskState.REVIEW, run=run.id, row=row)
        question = f"Is the result of {task.title} right?"
        question += " It ended with a question open." if ending.asks else ""
        question += f" It was interrupted by {ending.cut} just before its end." if ending.cut else ""
        review = open_decision(tx, policy.ids, task, DecisionKind.REVIEW, question,
                               options=(*BASIC, AnswerKind.CHANGES), content=ending.commit)  # fmt: skip
        answer_by_rule(tx, review, at_once=False)


def is_done(row: dict[str, Any], ending: Ending) -> bool:
    """Whether a run that ended leaves nothing to ask about its task, and brings it to done: no tester ever is."""
    asks = ending.unkept or ending.clash or ending.asks or ending.cut or spec_from(row).requires_approval
    return ending.counts and row["tests"] is None and not (asks or row["outdated"])


def _agent_failed(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> None:
    tx.run(TASKS["count_failure"], {"id": task.id, "agent": 1, "infra": 0})
    failures = task.failures + 1
    if failures <= task.spec.retries:
        again = tx.now + policy.backoff(failures)
        move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
    else:  # a review without a verdict says nothing of the work: a human is asked (R86)
        give_up(tx, task, run, ending.message, policy.ids, asks=task.spec.verdict is not VerdictKind.EXIT)


def _rate_limited(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> None:
    """No failure of the task nor of the machine: it runs again once its provider has cooled down (R33)."""
    again = _cool(tx, task, run, policy)
    move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)


def _cool(tx: Tx, task: TaskRecord, run: RunRecord, policy: Policy) -> datetime:
    provider = task.spec.provider or task.spec.agent or task.key
    return ended_on(tx, provider, run, policy.settings, policy.random)


def _infra_failed(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> None:
    outage, again = _outage(tx, run, ending, policy)
    if outage:
        move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
        return
    tx.run(TASKS["count_failure"], {"id": task.id, "agent": 0, "infra": 1})
    failures = task.infra_failures + 1
    if failures <= policy.settings.infra_retries and not ending.permanent:
        again = tx.now + policy.backoff(failures)
        move(tx, task.id, TaskState.PENDING, cause=ending.message, not_before=again, run=run.id)
        return
    leave_batch(tx, run)
    question = f"{task.title} could not run: {ending.message.splitlines()[0]}. Try again?"
    ask(tx, task, run, DecisionKind.SPAWN_FAILURE, ending.message, question, policy.ids)


def _outage(tx: Tx, run: RunRecord, ending: Ending, policy: Policy) -> tuple[bool, datetime | None]:
    """Whether many runs are lost at once, and when this one may be tried again then (R36)."""
    if not ending.below and (ending.cause is not ExitCause.LOST or ending.permanent):
        return False, None
    trouble = Trouble(ending.message.splitlines()[0], alone=ending.away)
    return lost(tx, run, trouble, policy.settings, policy.ids, policy.random)


def _attempt(tx: Tx, task: TaskRecord, run: RunRecord, ending: Ending, policy: Policy) -> Attempt:
    """A tester's run as what comes of its batch depends on it."""
    failure, again = ending.failure_class(), None
    tries, failures = task.spec.retries, task.failures
    if failure is FailureClass.RATE_LIMIT:
        again = _cool(tx, task, run, policy)
    elif failure is FailureClass.INFRA:
        outage, probed = _outage(tx, run, ending, policy)
        again = (probed or tx.now) if outage else None
        tries, failures = 0 if ending.permanent else policy.settings.infra_retries, task.infra_failures
    backoff = policy.backoff(failures + 1)
    return Attempt(
        ending.message, failure, ending.cause is ExitCause.EXIT, ending.killed, failures < tries, backoff, again
    )
