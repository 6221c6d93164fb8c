"""Callback tokens: one secret per open gate, stored as its hash, at an end with its gate (R68)."""

import hmac
from hashlib import sha256

from engine.api import Signal, SignalOutcome, Word
from engine.dispatch.gates.resolving import get
from engine.dispatch.gates.signalling import receive
from engine.dispatch.steps import GATES
from engine.errors import Conflict, Invalid, Refused
from engine.model import COMPOUND_GATES, HUMAN_GATES, GateKind, GateState
from engine.store import Tx


def set_token(tx: Tx, gate: str, token: str) -> None:
    """This token resolves the gate from here on, and no other does."""
    row = get(tx, gate)
    kind = GateKind(row["kind"])
    if kind in HUMAN_GATES or kind in COMPOUND_GATES:
        what = "a human answers it" if kind in HUMAN_GATES else "its members resolve it"
        raise Invalid(f"{gate} takes no callback: {what}")
    if tx.run(GATES["set_token"], {"id": gate, "token": _hash(token)}) != 1:
        raise Conflict(f"{gate} is {row['state']}", details={"state": row["state"]})


def call_back(tx: Tx, gate: str, token: str, word: Word) -> SignalOutcome:
    """Resolve the gate that the token belongs to. Raises Refused alike for a wrong token and an ended one."""
    row = tx.one(GATES["get"], {"id": gate})
    stored = "" if row is None or row["state"] != GateState.OPEN else row["token"] or ""
    if row is None or not hmac.compare_digest(stored, _hash(token)):
        raise Refused("this token resolves no open gate of that id", hint="`pilothouse signal --callback GATE`")
    values = {"type": row["kind"], "status": word.status, "data": word.data, "gate": gate}
    return receive(tx, Signal.model_validate({**values, "by": "callback", "via": "token"}))


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
