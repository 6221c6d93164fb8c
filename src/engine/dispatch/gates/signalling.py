"""A signal arrives: the one function for push, poll, command line, API and callback (R65-R67, R73)."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine.api import Answer, Signal, SignalOutcome
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import stage
from engine.dispatch.gates.mailbox import forget_aged, may_be_about, polls, take, tell_stale
from engine.dispatch.gates.openings import end_by_signal
from engine.dispatch.gates.resolving import get, require_readable
from engine.dispatch.steps import DECISIONS, GATES, SIGNALS
from engine.errors import Conflict, Invalid, Unreadable
from engine.events import EventType
from engine.model import COMPOUND_GATES, HUMAN_GATES, AnswerKind, GateKind, GateState, SignalState, SignalStatus
from engine.store import Tx

NAMED = ("repo", "pr", "name", "key")


def receive(tx: Tx, signal: Signal, *, partial: bool = False) -> SignalOutcome:
    """Resolve every open gate that the signal fits, or keep it in the mailbox.

    `partial`: it is the word of one part of what a polling gate asks for as a whole: its good word makes the gate ask
    at once, its bad one counts. Raises Conflict for a `gate` that is resolved or waits for something else.
    """
    if signal.gate is not None:
        return _to_gate(tx, signal, signal.gate)
    forget_aged(tx)
    stored = _store(tx, signal, SignalState.QUEUED, partial=partial)
    fields = {"kind": signal.type, **{name: getattr(signal, name) for name in NAMED}}
    matched = [
        row["id"] for row in tx.all(GATES["waiting_for"], fields) if _offer(tx, dict(row), signal, stored, partial)
    ]
    if not matched:
        tx.emit(EventType.SIGNAL_QUEUED, signal=stored, kind=signal.type)
    return SignalOutcome(matched=tuple(matched), queued=not matched)


def _offer(tx: Tx, gate: Mapping[str, Any], signal: Signal, stored: int, partial: bool) -> bool:
    """Whether this gate, which names nothing else, takes it."""
    if get(tx, gate["id"])["state"] != GateState.OPEN:
        return False  # a gate before it has decided the whole that both are in
    try:
        require_readable(tx, gate)
    except Unreadable as error:  # the others that it fits take it all the same (R16)
        tell_stale(tx, gate, stored, error.message)
        return False
    if gate["head"] is not None and gate["head"] != signal.head_sha:
        tell_stale(tx, gate, stored, f"it is about {signal.head_sha or 'no commit'}, the gate about {gate['head']}")
        return False
    if gate["head"] is None and not may_be_about(tx, gate, signal.head_sha, tx.at):
        return False  # it is taken from the mailbox as soon as the gate's own commit is known
    if partial and signal.status is SignalStatus.PASS and polls(gate):
        tx.run(SIGNALS["nudge"], {"gate": gate["id"], "at": tx.at})
        return False
    take(tx, gate, stored)
    end_by_signal(tx, gate, stored, signal.status, _actor(signal), signal.data.get("summary"))
    return True


def _to_gate(tx: Tx, signal: Signal, gate: str) -> SignalOutcome:
    """To one opening, by its id."""
    row = get(tx, gate)
    if row["state"] != GateState.OPEN:
        raise Conflict(f"{gate} is {row['state']}", hint="it was resolved already", details={"state": row["state"]})
    if row["kind"] != signal.type:
        raise Invalid(f"{gate} is a gate of kind {row['kind']}, not {signal.type}")
    kind = GateKind(row["kind"])
    if kind in COMPOUND_GATES:
        raise Invalid(f"{gate} is resolved by its members", hint="name the one that the signal is for")
    _require_fit(row, signal)
    stored = _store(tx, signal, SignalState.MATCHED, partial=False)
    take(tx, row, stored)
    if kind in HUMAN_GATES:
        _answer(tx, gate, kind, signal)
    else:
        end_by_signal(tx, row, stored, signal.status, _actor(signal), signal.data.get("summary"))
    return SignalOutcome(matched=(gate,), queued=False)


def _require_fit(gate: Mapping[str, Any], signal: Signal) -> None:
    """What the signal says beside the id must be what the gate waits for."""
    said = {name: getattr(signal, name) for name in NAMED} | {"head": signal.head_sha}
    for name, value in said.items():
        if value is not None and gate[name] is not None and value != gate[name]:
            raise Conflict(f"{gate['id']} waits for {name} {gate[name]}, the signal is about {value}")


def _answer(tx: Tx, gate: str, kind: GateKind, signal: Signal) -> None:
    """A human gate ends by the answer to its question, whoever brings it."""
    asked = tx.one(DECISIONS["open_of_subject"], {"subject": gate})
    if asked is None:
        raise Conflict(f"{gate} asks nothing any more")
    values: dict[str, object] = {"version": asked["version"], "by": signal.by, "via": f"signal, {signal.via}"}
    feedback = str(signal.data.get("feedback", ""))
    if signal.status is SignalStatus.FAIL:
        values |= {"answer": AnswerKind.REJECT, "feedback": feedback or "a signal says no"}
    elif kind is GateKind.CHOICE:
        values |= {"answer": AnswerKind.CHOOSE, "option": signal.data.get("option"), "feedback": feedback}
    elif kind is GateKind.FORM:
        values |= {"answer": AnswerKind.FILL, "fields": signal.data.get("fields", {}), "feedback": feedback}
    else:
        values |= {"answer": AnswerKind.APPROVE, "feedback": feedback}
    try:
        answer = Answer.model_validate(values)
    except ValidationError as error:
        hint = "put `option` or `fields` into `data`"
        raise Invalid(f"the signal answers nothing: {error.errors()[0]['msg']}", hint=hint) from error
    stage(tx, asked["id"], answer, 0.0)
    confirm(tx, asked["id"])


def _store(tx: Tx, signal: Signal, state: SignalState, *, partial: bool) -> int:
    row = tx.one(
        SIGNALS["insert"],
        {
            "kind": signal.type, "status": signal.status, "state": state, "partial": int(partial), "repo": signal.repo,
            "pr": signal.pr, "head_sha": signal.head_sha, "name": signal.name, "key": signal.key,
            "data": json.dumps(signal.data), "by": signal.by, "via": signal.via, "at": tx.at,
        },
    )  # fmt: skip
    assert row is not None
    about = {name: getattr(signal, name) for name in (*NAMED, "head_sha") if getattr(signal, name) is not None}
    tx.emit(EventType.SIGNAL_RECEIVED, signal=row["id"], kind=signal.type, status=signal.status, by=signal.by,
            via=signal.via, **about)  # fmt: skip
    return int(row["id"])


def _actor(signal: Signal) -> str:
    return f"{signal.by} via {signal.via}"
