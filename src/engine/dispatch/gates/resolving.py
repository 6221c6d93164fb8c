"""A gate closes: the one place for every door, with what follows for the gate around it and for its task (R72, R73)."""

from collections.abc import Mapping
from typing import Any, assert_never

from engine.dispatch.endings.closing import end_decision
from engine.dispatch.rework.objections import gate_failed
from engine.dispatch.steps import DECISIONS, GATES
from engine.dispatch.tree.moves import move
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model import GateKind, GateSpec, GateState, TaskState
from engine.store import Tx
from engine.store.rows import gate_spec_from


def settle(tx: Tx, gate: str, *, passed: bool, actor: str, cause: str | None = None, signal: int | None = None) -> None:
    """Close one open gate, every gate around it that this decides, and move the task when none is left.

    Raises Conflict when it is not open: somebody was faster, and nothing was written.
    """
    row = close(tx, gate, passed=passed, actor=actor, cause=cause, signal=signal)
    while row["parent"] is not None:
        above = get(tx, row["parent"])
        verdict = decided(tx, above)
        if verdict is None:
            return
        _cancel_members(tx, above["id"])
        cause = None if verdict else f"{row['kind']}: {cause or 'failed'}"
        row = close(tx, above["id"], passed=verdict, actor=actor, cause=cause)
        passed = verdict
    if not passed and signal is not None and gate_failed(tx, row["task"], cause or "it failed"):
        return
    to = TaskState.DONE if passed else TaskState.FAILED
    move(tx, row["task"], to, frm=(TaskState.WAITING,), cause=cause)


def send_back(tx: Tx, gate: str, *, actor: str, cause: str) -> None:
    """Changes were asked for at it: it closes as failed, and so does every gate around it; the task is the caller's."""
    row = close(tx, gate, passed=False, actor=actor, cause=cause)
    while row["parent"] is not None:
        _cancel_members(tx, row["parent"])
        row = close(tx, row["parent"], passed=False, actor=actor, cause=cause)


def close(
    tx: Tx, gate: str, *, passed: bool, actor: str, cause: str | None = None, signal: int | None = None
) -> dict[str, Any]:
    """open → passed or failed, once; its open question ends with it. Returns the row as it was."""
    row = get(tx, gate)
    state = GateState.PASSED if passed else GateState.FAILED
    values = {"id": gate, "to": state, "actor": actor, "at": tx.at, "cause": cause, "signal": signal}
    if tx.run(GATES["resolve"], values) != 1:
        raise Conflict(f"{gate} is {row['state']}", hint="it was resolved already", details={"state": row["state"]})
    told = {"gate": gate, "state": state, "actor": actor, "kind": row["kind"]}
    tx.emit(EventType.GATE_RESOLVED, goal=row["goal"], task=row["task"], **told, **({"cause": cause} if cause else {}))
    _end_question(tx, gate, "expired", actor)
    return row


def get(tx: Tx, gate: str) -> dict[str, Any]:
    row = tx.one(GATES["get"], {"id": gate})
    if row is None:
        raise NotFound(f"no gate {gate}", hint="pilothouse status names the gates that are open")
    return dict(row)


def require_readable(tx: Tx, gate: Mapping[str, Any]) -> None:
    """Raise Unreadable unless this gate and every one around it can be read: only then can it be closed (R16)."""
    gate_spec_from(dict(gate))
    while gate["parent"] is not None:
        gate = get(tx, gate["parent"])
        gate_spec_from(dict(gate))


def decided(tx: Tx, compound: dict[str, Any]) -> bool | None:
    """Whether a compound gate passes or fails by its members as they are; None: they may still do either (R72)."""
    states = [row["state"] for row in tx.all(GATES["members"], {"parent": compound["id"]})]
    passed, still = states.count(GateState.PASSED), states.count(GateState.OPEN)
    needed = _needed(gate_spec_from(compound))
    if passed >= needed:
        return True
    return False if passed + still < needed else None


def _needed(spec: GateSpec) -> int:
    """How many members must pass."""
    match spec.kind:
        case GateKind.ALL:
            return len(spec.gates)
        case GateKind.ANY:
            return 1
        case GateKind.N_OF:
            return spec.n or len(spec.gates)
        case GateKind.HUMAN_APPROVAL | GateKind.CHOICE | GateKind.FORM | GateKind.TIMER | GateKind.WEBHOOK:
            raise AssertionError(f"{spec.kind} has no members")
        case GateKind.GH_CI | GateKind.GH_REVIEW | GateKind.PR_REVIEW:
            raise AssertionError(f"{spec.kind} has no members")
        case _:
            assert_never(spec.kind)


def _cancel_members(tx: Tx, compound: str) -> None:
    """What is left in a compound gate that is decided ends with it, however deep."""
    waiting = [compound]
    while waiting:
        for row in tx.all(GATES["members"], {"parent": waiting.pop()}):
            waiting.append(row["id"])
            if row["state"] != GateState.OPEN:
                continue
            values = {"id": row["id"], "to": GateState.CANCELLED, "actor": compound, "at": tx.at}
            tx.run(GATES["resolve"], {**values, "cause": None, "signal": None})
            tx.emit(EventType.GATE_RESOLVED, goal=row["goal"], task=row["task"], gate=row["id"],
                    state=GateState.CANCELLED, actor=compound, kind=row["kind"])  # fmt: skip
            _end_question(tx, row["id"], "cancelled", compound)


def _end_question(tx: Tx, gate: str, to: str, by: str) -> None:
    for decision in tx.all(DECISIONS["open_of_subject"], {"subject": gate}):
        end_decision(tx, dict(decision), to, by=by)
