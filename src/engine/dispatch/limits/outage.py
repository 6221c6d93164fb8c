"""The stored breaker: what a claim, a run's end and an answer do to it, each in its own transaction (R36, R100)."""

import math
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.endings.closing import end_decision
from engine.dispatch.limits.breaker import Breaker, Loss
from engine.dispatch.steps import DECISIONS, GOALS, RUNS, TASKS
from engine.dispatch.tree.moves import move
from engine.errors import Conflict
from engine.events import EventType
from engine.ids import IdSource
from engine.model import (
    FINAL_GOAL_STATES,
    BreakerState,
    DecisionKind,
    FailureClass,
    RunRecord,
    RunState,
    TaskState,
)
from engine.settings import EngineSettings
from engine.store import Tx, named_queries
from engine.store.rows import run_from, task_from

EVENTS = named_queries("events")
SUBJECT = "breaker:sandboxes"


class DispatchPaused(Conflict):
    """The breaker is open, or its one probe has not held yet; `seconds` until time alone may change that."""

    code = "dispatch_paused"

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, hint="pilothouse status says why; pilothouse decisions asks whether to go on")
        self.seconds = seconds


def stored(connection: sqlite3.Connection) -> Breaker:
    """The breaker as it was last written; closed in a new store."""
    row = connection.execute(EVENTS["fact"], {"name": SUBJECT}).fetchone()
    return breaker_from(None if row is None else row["value"])


def breaker_from(fact: str | None) -> Breaker:
    """The breaker that this fact is, closed when there is none."""
    return Breaker() if fact is None else Breaker.model_validate_json(fact)


def words(breaker: Breaker) -> str:
    """What an operator needs to know while it is not closed; empty when it is."""
    match breaker.state:
        case BreakerState.CLOSED:
            return ""
        case BreakerState.OPEN:
            when = "" if breaker.until is None else f"; one run is tried at {breaker.until:%H:%M:%S} UTC"
            return f"sandboxes are in trouble ({breaker.cause}): dispatch is paused{when}"
        case BreakerState.HALF_OPEN:
            return f"sandboxes were in trouble ({breaker.cause}): one run is tried, nothing else starts before it holds"


def admit(tx: Tx, run: str, window: float, breaker: Breaker) -> Breaker:
    """Let a new run start while the breaker is closed, or as its probe; DispatchPaused otherwise. Returns what the
    breaker is from here on.

    A probe that has run for `window` seconds has held, however long it goes on. `breaker` is what this very
    transaction has read.
    """
    if breaker.state is BreakerState.HALF_OPEN:
        breaker = _after_probe(tx, breaker, window)
    if breaker.state is BreakerState.CLOSED:
        return breaker
    seconds = breaker.wait(tx.now)
    if seconds > 0:
        raise DispatchPaused(words(breaker), seconds)
    probing = breaker.probing(run)
    _save(tx, probing)
    return probing


def _after_probe(tx: Tx, breaker: Breaker, window: float) -> Breaker:
    row = tx.one(RUNS["get"], {"id": breaker.probe})
    probe = None if row is None else run_from(row)
    if probe is None or probe.state is RunState.ENDED:
        return breaker.unproved(tx.now)
    if probe.started_at is None:
        raise DispatchPaused(words(breaker), math.inf)
    left = (probe.started_at + timedelta(seconds=window) - tx.now).total_seconds()
    if left > 0:
        raise DispatchPaused(words(breaker), left)
    return close(tx, breaker)


@dataclass(frozen=True)
class Trouble:
    """What ended a run, in one line; `alone`: it is an outage by itself, as no run can start."""

    cause: str
    alone: bool = False


def lost(
    tx: Tx, run: RunRecord, trouble: Trouble, settings: EngineSettings, ids: IdSource, random: Random
) -> tuple[bool, datetime | None]:
    """A run ended for a reason below its task: whether that is part of an outage, which spends no retry of the task,
    and the earliest time of its next start when it was the probe, so that the next probe is another task."""
    before = stored(tx.connection)
    enough = 1 if trouble.alone else settings.breaker_losses
    after = before.lost(Loss(task=run.task, run=run.id, at=tx.now), trouble.cause, enough, settings, random)
    if after != before:
        _save(tx, after)
    if after.state is BreakerState.OPEN and before.state is not BreakerState.OPEN:
        if before.state is BreakerState.CLOSED:
            _give_back(tx, after.losses[:-1])
        if not after.asked:
            _ask(tx, after, run, ids)
    probed = after.until if before.probe == run.id and after.state is BreakerState.OPEN else None
    return after.state is not BreakerState.CLOSED, probed


def proved(tx: Tx, run: RunRecord, ended: FailureClass, breaker: Breaker) -> None:
    """A run ended by itself: when it was the probe, sandboxes hold again."""
    if breaker.probe == run.id and ended in (FailureClass.NONE, FailureClass.AGENT, FailureClass.RATE_LIMIT):
        close(tx, breaker)


def close(tx: Tx, breaker: Breaker) -> Breaker:
    """Runs start again, and the open question ends with the outage."""
    closed = breaker.closed(tx.now)
    _save(tx, closed)
    tx.emit(EventType.ENGINE_RECOVERED, part="sandboxes", breaker=closed.state)
    for decision in tx.all(DECISIONS["open_of_subject"], {"subject": SUBJECT}):
        end_decision(tx, dict(decision), "cancelled", by="breaker")
    return closed


def answered(tx: Tx, *, go_on: bool) -> None:
    """Go on at once, or stay paused until a probe after the longest pause holds."""
    breaker = stored(tx.connection)
    if breaker.state is BreakerState.CLOSED:
        return
    if go_on:
        close(tx, breaker)
    else:
        _save(tx, breaker.held(tx.now))


def _save(tx: Tx, breaker: Breaker) -> None:
    tx.run(EVENTS["set_fact"], {"name": SUBJECT, "value": breaker.model_dump_json()})
    if breaker.state is not BreakerState.CLOSED:
        tx.emit(EventType.ENGINE_DEGRADED, part="sandboxes", breaker=breaker.state, message=words(breaker))


def _give_back(tx: Tx, losses: tuple[Loss, ...]) -> None:
    """What was counted before it was known to be one event is not counted; who was asked about it need not be."""
    for task, times in Counter(loss.task for loss in losses).items():
        tx.run(TASKS["give_back"], {"id": task, "times": times})
        asked = [
            decision
            for decision in tx.all(DECISIONS["open_of_task"], {"task": task})
            if decision["kind"] == DecisionKind.SPAWN_FAILURE
        ]
        for decision in asked:
            end_decision(tx, dict(decision), "cancelled", by="breaker")
            move(tx, task, TaskState.PENDING, frm=(TaskState.BLOCKED,))


def _ask(tx: Tx, breaker: Breaker, run: RunRecord, ids: IdSource) -> None:
    """One question for the whole outage, at the first lost run whose goal still goes on."""
    if tx.all(DECISIONS["open_of_subject"], {"subject": SUBJECT}):
        return
    for task in (*(loss.task for loss in breaker.losses), run.task):
        row = tx.one(TASKS["get"], {"id": task})
        goal = None if row is None else tx.one(GOALS["get"], {"id": row["goal"]})
        if row is None or goal is None or goal["state"] in FINAL_GOAL_STATES or goal["cancelling"]:
            continue
        question = (
            f"Sandboxes are in trouble: {breaker.cause}. Dispatch is paused until one run that is tried holds."
            " Go on now?"
        )
        open_decision(tx, ids, task_from(dict(row)), DecisionKind.INFRASTRUCTURE, question, subject=SUBJECT)
        return
