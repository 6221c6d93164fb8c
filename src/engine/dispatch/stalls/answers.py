"""The question about a stalled run, and what the answer does: never more than was asked for (R50)."""

from typing import Any

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.endings.closing import end_decision
from engine.dispatch.orders.cancel import cancel_task
from engine.dispatch.stalls.activity import Assessment
from engine.dispatch.steps import DECISIONS, RUNS, stored_task
from engine.errors import Conflict
from engine.events import EventType
from engine.ids import IdSource
from engine.model import AnswerKind, DecisionKind, DecisionRecord, RunState, StallAction, TaskRecord
from engine.store import Tx, named_queries
from engine.store.rows import run_from
from engine.units import format_duration

STALLS = named_queries("stalls")
WAIT, RESTART, STOP = "wait", "restart", "stop"


STALL = ":stall"


def subject(run: str) -> str:
    """What a question about a run is bound to."""
    return f"{run}{STALL}"


def tell_stalled(tx: Tx, run: str, found: Assessment, action: StallAction, ids: IdSource) -> None:
    """Two signs say that a run has stalled: it is told, and a human is asked where the settings say so; once."""
    row = tx.one(RUNS["get"], {"id": run})
    record = None if row is None else run_from(row)
    if (
        record is None
        or record.state is RunState.ENDED
        or tx.one(DECISIONS["open_of_subject"], {"subject": subject(run)})
    ):
        return
    signs = [_words(sign.words, sign.age) for sign in found.against]
    tx.emit(EventType.AGENT_STALLED, goal=record.goal, task=record.task, run=run, activity=found.activity, signs=signs)
    if action is StallAction.ASK:
        _ask(tx, run, stored_task(tx, record.task), found, signs, ids)


def _ask(tx: Tx, run: str, task: TaskRecord, found: Assessment, signs: list[str], ids: IdSource) -> None:
    question = f"{task.title} seems to have stalled: {'; '.join(signs)}. Wait, restart it, or stop it?"
    evidence: dict[str, Any] = {
        "activity": found.activity,
        "signs": signs,
        "facts": [_words(fact.words, fact.age) for fact in found.evidence],
    }
    open_decision(
        tx, ids, task, DecisionKind.STALL, question, options=(AnswerKind.CHOOSE,), subject=subject(run),
        choices=(WAIT, RESTART, STOP), evidence=evidence,
    )  # fmt: skip


def answered(tx: Tx, decision: DecisionRecord) -> None:
    """wait: nothing; restart: its run ends as by an operator and its task is due again; stop: its task is cancelled."""
    by = f"{decision.by} via {decision.via}"
    match decision.chosen:
        case "wait":
            return
        case "restart":
            tx.to_end.append(decision.task)  # not cancelled: a run that an operator ends goes back to pending (R32)
        case "stop":
            cancel_task(tx, decision.task, f"stopped by {by}: it had stalled")
        case _:
            raise Conflict(f"{decision.id} takes {WAIT}, {RESTART} or {STOP}")


def restarted(tx: Tx, run: str, task: str) -> str | None:
    """Who ordered that this run ends and its task runs again, in a sentence; None when nobody did."""
    row = tx.one(STALLS["restart_of"], {"task": task, "subject": subject(run)})
    return None if row is None else f"restarted by {row['by']} via {row['via']}: it had stalled"


def end_stall(tx: Tx, run: str) -> None:
    """It has ended, or works again: nobody need say what becomes of it."""
    for asked in tx.all(DECISIONS["open_of_subject"], {"subject": subject(run)}):
        end_decision(tx, dict(asked), "cancelled", by="run")


def _words(words: str, age: float) -> str:
    return f"{words} ({format_duration(age)})"
