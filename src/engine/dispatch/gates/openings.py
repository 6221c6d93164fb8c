"""A gate opens: its rows, the question to a human or the watch of a service, and what has come for it already."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_never

from engine.dispatch.decisions.lifecycle import BASIC, open_decision
from engine.dispatch.gates.mailbox import early, pass_over, take
from engine.dispatch.gates.resolving import get, settle
from engine.dispatch.steps import GATES, SIGNALS
from engine.dispatch.tree.moves import move
from engine.events import EventType
from engine.ids import IdSource, Kind
from engine.model import (
    BY_ID_ONLY,
    COMPOUND_GATES,
    AnswerKind,
    DecisionKind,
    GateKind,
    GateSpec,
    GateState,
    SignalStatus,
    TaskRecord,
    TaskState,
)
from engine.store import Tx, stamp

LONGEST_WHY = 1_000  # characters of foreign words in a cause


@dataclass(frozen=True)
class _Row:
    """One gate of a tree of gates, as it was stored."""

    id: str
    spec: GateSpec
    deadline: str | None


def open_gate(tx: Tx, task: TaskRecord, ids: IdSource, content: str | None) -> str:
    """pending → waiting: the gate with its members, its questions and watches, in one transaction; returns its id.

    `content` is the commit of the goal's branch: what a human approves, and what a result from outside must be about
    unless the gate names another commit. A signal that has come before closes the gate at once (R67).
    """
    spec = task.spec.gate
    assert spec is not None
    move(tx, task.id, TaskState.WAITING, frm=(TaskState.PENDING,))
    rows = _insert(tx, task, ids, spec, content)
    told: dict[str, Any] = {"members": [row.id for row in rows[1:]]} if rows[1:] else {}
    tx.emit(EventType.GATE_OPENED, goal=task.goal, task=task.id, gate=rows[0].id, kind=spec.kind, key=task.key, **told)
    leaves = [row for row in rows if row.spec.kind not in COMPOUND_GATES]
    for row in leaves:
        _begin(tx, task, ids, row, content)
    for row in leaves:
        take_early(tx, row.id)
    return rows[0].id


def take_early(tx: Tx, gate: str) -> None:
    """Close an open gate with the newest signal that has come for it; the ones before that are used up with it."""
    row = get(tx, gate)
    if row["state"] != GateState.OPEN or row["kind"] in BY_ID_ONLY:
        return  # a member before it has decided the whole, or what waits in the mailbox is for no such gate
    found = early(tx, row)
    if not found:
        return
    newest, *older = found
    take(tx, row, newest["id"])
    for signal in older:
        pass_over(tx, row, signal["id"], f"signal {newest['id']} is newer")
        tx.run(SIGNALS["age"], {"id": signal["id"]})
    actor, why = f"{newest['by']} via {newest['via']}", json.loads(newest["data"]).get("summary")
    end_by_signal(tx, row, newest["id"], SignalStatus(newest["status"]), actor, why)


def end_by_signal(tx: Tx, gate: Mapping[str, Any], signal: int, status: SignalStatus, actor: str, why: object) -> None:
    """What the signal says is how the gate ends; `why`: the words it came with, if any."""
    passed = status is SignalStatus.PASS
    said = f"{gate['kind']} failed, as {actor} says"
    cause = None if passed else f"{said}: {why[:LONGEST_WHY]}" if isinstance(why, str) and why else said
    settle(tx, gate["id"], passed=passed, actor=actor, cause=cause, signal=signal)


def _insert(tx: Tx, task: TaskRecord, ids: IdSource, spec: GateSpec, content: str | None) -> list[_Row]:
    """A row for the gate and each gate in it, parents first."""
    rows: list[_Row] = []
    waiting: list[tuple[GateSpec, str | None, int]] = [(spec, None, 0)]
    while waiting:
        one, parent, position = waiting.pop()
        seconds = one.wait if one.kind is GateKind.TIMER else one.deadline
        deadline = None if seconds is None else stamp(tx.now + timedelta(seconds=seconds))
        gate = ids(Kind.GATE)
        tx.run(
            GATES["insert"],
            {
                "id": gate, "goal": task.goal, "task": task.id, "kind": one.kind, "spec": one.model_dump_json(),
                "at": tx.at, "deadline": deadline, "on_deadline": one.on_deadline, "parent": parent,
                "position": position, "repo": None if one.repo is None else one.repo.lower(), "pr": one.pr,
                "name": one.name, "key": one.key, "head": _head(one, content),
            },
        )  # fmt: skip
        rows.append(_Row(gate, one, deadline))
        waiting += [(member, gate, n) for n, member in reversed(list(enumerate(one.gates)))]
    return rows


def _head(spec: GateSpec, content: str | None) -> str | None:
    """The commit under test as far as it is known at the opening; None: no signal needs to name one."""
    match spec.kind:
        case GateKind.GH_CI | GateKind.GH_REVIEW | GateKind.PR_REVIEW:
            return spec.head_sha or content
        case GateKind.HUMAN_APPROVAL | GateKind.CHOICE | GateKind.FORM | GateKind.WEBHOOK | GateKind.TIMER:
            return None
        case GateKind.ALL | GateKind.ANY | GateKind.N_OF:
            return None
        case _:
            assert_never(spec.kind)


def _begin(tx: Tx, task: TaskRecord, ids: IdSource, row: _Row, content: str | None) -> None:
    """What a gate waits with: a question, a watch, or nothing but the mailbox and the clock."""
    match row.spec.kind:
        case GateKind.HUMAN_APPROVAL:
            _ask(tx, task, ids, row, content, DecisionKind.APPROVAL)
        case GateKind.CHOICE:
            _ask(tx, task, ids, row, content, DecisionKind.CHOICE)
        case GateKind.FORM:
            _ask(tx, task, ids, row, content, DecisionKind.FORM)
        case GateKind.GH_CI | GateKind.GH_REVIEW | GateKind.PR_REVIEW if row.spec.poll:
            tx.run(SIGNALS["watch"], {"gate": row.id, "at": tx.at})
        case GateKind.GH_CI | GateKind.GH_REVIEW | GateKind.PR_REVIEW | GateKind.WEBHOOK | GateKind.TIMER:
            pass  # a signal or the clock finds the row
        case GateKind.ALL | GateKind.ANY | GateKind.N_OF:
            raise AssertionError("a compound gate waits with its members")
        case _:
            assert_never(row.spec.kind)


def _ask(tx: Tx, task: TaskRecord, ids: IdSource, row: _Row, content: str | None, kind: DecisionKind) -> None:
    whole = task.spec.gate
    assert whole is not None
    options = _options(kind, sendable=whole.rework is not None)
    question = row.spec.question or whole.question or f"May {task.title} pass?"
    open_decision(
        tx, ids, task, kind, question, options=options, subject=row.id, risk=row.spec.risk, content=content,
        deadline=row.deadline, choices=row.spec.options, fields=row.spec.fields,
    )  # fmt: skip


def _options(kind: DecisionKind, *, sendable: bool) -> tuple[AnswerKind, ...]:
    match kind:
        case DecisionKind.CHOICE:
            basic: tuple[AnswerKind, ...] = (AnswerKind.CHOOSE, AnswerKind.REJECT)
        case DecisionKind.FORM:
            basic = (AnswerKind.FILL, AnswerKind.REJECT)
        case _:
            basic = BASIC
    return (*basic, AnswerKind.CHANGES) if sendable else basic
