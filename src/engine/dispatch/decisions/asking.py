"""A run asks and waits: the question is a decision, the same one however often it is asked (R81, R82)."""

import sqlite3
from collections.abc import Mapping

from engine.api.asking import NEVER, ONCE, THIS_GOAL, AskAnswer, AskRequest
from engine.api.ledger import digest
from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.decisions.recalling import recall_staged
from engine.dispatch.decisions.risk import assess
from engine.dispatch.decisions.ruling import answer_by_rule
from engine.dispatch.steps import DECISIONS, RUNS, TASKS
from engine.errors import Conflict, NotFound
from engine.ids import IdSource
from engine.model import AnswerKind, DecisionKind, FieldType, FormField, RunRecord, RunState
from engine.redaction import Redactor
from engine.store import Tx, named_queries
from engine.store.rows import decision_from, run_from, task_from

DECIDING = named_queries("deciding")
_REDACTOR = Redactor()
FREE_TEXT = (FormField(name="answer", type=FieldType.TEXT, label="Answer"),)


def ask(tx: Tx, ids: IdSource, run: RunRecord, request: AskRequest) -> str:
    """Open the decision, or find the one this question has already; returns its id.

    A rule that fits answers it in this very transaction. It is never answered by time. Conflict when the run ended.
    """
    subject = subject_of(run.id, request)
    known = tx.one(DECIDING["newest_of_subject"], {"subject": subject})
    if known is not None:
        return str(known["id"])
    row = tx.one(TASKS["get"], {"id": run.task})
    current = tx.one(RUNS["get"], {"id": run.id})
    if row is None or current is None:
        raise NotFound(f"no run {run.id}")
    if run_from(current).state is RunState.ENDED:
        raise Conflict(f"{run.id} has ended: it asks nothing any more")
    risk = assess(request)
    evidence = _evidence(run, request, risk.danger)
    decision = open_decision(
        tx, ids, task_from(dict(row)), request.kind, _words(request), options=_options(request), subject=subject,
        risk=risk.risk, risk_reason=risk.reason, choices=_choices(request), fields=_fields(request), evidence=evidence,
    )  # fmt: skip
    if request.kind is DecisionKind.QUESTION:
        recall_staged(tx, run.goal, decision)
    answer_by_rule(tx, decision, at_once=True)
    return decision


def subject_of(run: str, request: AskRequest) -> str:
    """What the decision is about: this question of this run. Without a key its words are the key."""
    key = request.key or digest(request.model_dump(mode="json", exclude={"key"}))[:32]
    return f"{run}:{request.kind}:{key}"


def answer_of(connection: sqlite3.Connection, decision: str) -> AskAnswer:
    """How a question stands; NotFound when there is no such decision."""
    row = connection.execute(DECISIONS["get"], {"id": decision}).fetchone()
    if row is None:
        raise NotFound(f"no decision {decision}")
    held = decision_from(row)
    told = AskAnswer(decision=held.id, state=held.state, answered_at=held.answered_at)
    if held.state != "answered":
        return told
    said = {"answer": held.answer, "option": held.chosen, "fields": held.filled, "feedback": held.feedback}
    return told.model_copy(update={**said, "by": held.by})


def _words(request: AskRequest) -> str:
    if request.question.strip():
        return _REDACTOR.text(request.question)
    if request.kind is DecisionKind.EGRESS:
        return _REDACTOR.text(f"May it reach {request.arguments.get('to', 'an unnamed host')}?")
    return _REDACTOR.text(f"May it use {request.tool}?")


def _options(request: AskRequest) -> tuple[AnswerKind, ...]:
    if request.kind is DecisionKind.PERMISSION:
        return AnswerKind.APPROVE, AnswerKind.REJECT
    if request.kind is DecisionKind.EGRESS or request.options:
        return (AnswerKind.CHOOSE,)
    return (AnswerKind.FILL,)


def _choices(request: AskRequest) -> tuple[str, ...]:
    return (ONCE, THIS_GOAL, NEVER) if request.kind is DecisionKind.EGRESS else request.options


def _fields(request: AskRequest) -> tuple[FormField, ...]:
    if request.kind is not DecisionKind.QUESTION or request.options:
        return ()
    return request.fields or FREE_TEXT


def _evidence(run: RunRecord, request: AskRequest, danger: list[dict[str, object]]) -> Mapping[str, object]:
    """What the card shows of it. The marks are of the arguments as they came; a secret cut out of one moves them, so
    marks are given only where nothing was cut."""
    asked = {"run": run.id, "run_n": run.n}
    if request.kind is DecisionKind.QUESTION:
        return asked
    arguments = _REDACTOR.data(request.arguments)
    kept = [mark for mark in danger if arguments.get(mark["argument"]) == request.arguments[str(mark["argument"])]]
    return {**asked, "tool": request.tool, "arguments": arguments, "tier": request.tier, "danger": kept}
