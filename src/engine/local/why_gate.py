"""What there is to say about a task's gate: what it waits for, what its deadline does, what its watch saw."""

import sqlite3
from datetime import datetime

from engine.goals.gate_words import gate_words
from engine.model import COMPOUND_GATES, HUMAN_GATES, GateKind, GateRecord, GateState
from engine.store import named_queries
from engine.store.rows import gate_from
from engine.units import format_duration

GATES, SIGNALS = named_queries("gates"), named_queries("signals")


def gate_facts(connection: sqlite3.Connection, task: str, now: datetime) -> list[str]:
    """When its newest gate opened and what holds it, or who closed it; members of a compound one after it."""
    row = connection.execute(GATES["newest_of_task"], {"task": task}).fetchone()
    if row is None:
        return []
    facts: list[str] = []
    waiting = [row]
    while waiting:
        gate = gate_from(waiting.pop())
        facts += _facts(connection, gate, now)
        waiting += reversed(connection.execute(GATES["members"], {"parent": gate.id}).fetchall())
    return facts


def _facts(connection: sqlite3.Connection, gate: GateRecord, now: datetime) -> list[str]:
    name = f"gate {gate.kind}" if gate.parent is None else f"member {gate.id} {gate.kind}"
    if gate.resolved_at is not None:
        ended = f"{name} {gate.state} at {gate.resolved_at:%Y-%m-%d %H:%M:%S} UTC by {gate.actor or 'nobody'}"
        return [ended + (f": {gate.cause}" if gate.cause and gate.state is GateState.FAILED else "")]
    about = "" if gate.kind in HUMAN_GATES else f" ({gate_words(gate.spec)})"
    facts = f"{name} is open for {format_duration((now - gate.opened_at).total_seconds())}{about}"
    return [facts + _deadline(gate, now), *_waits_for(gate), *_watch(connection, gate, now)]


def _deadline(gate: GateRecord, now: datetime) -> str:
    if gate.deadline is None:
        return ", without a deadline"
    left = format_duration(max(0.0, (gate.deadline - now).total_seconds()))
    if gate.kind is GateKind.TIMER:
        return f"; it passes in {left}"
    return f"; its deadline comes in {left}, then: {gate.on_deadline}"


def _waits_for(gate: GateRecord) -> list[str]:
    if gate.kind in HUMAN_GATES or gate.kind in COMPOUND_GATES or gate.kind is GateKind.TIMER:
        return []
    fields = {name: getattr(gate.spec, name) for name in ("repo", "pr", "name", "key")}
    said = " ".join(f"{name}={value}" for name, value in {**fields, "head_sha": gate.head}.items() if value is not None)
    return [f"waits for a signal: `pilothouse signal {gate.kind} {said}`, or `--gate {gate.id}`"]


def _watch(connection: sqlite3.Connection, gate: GateRecord, now: datetime) -> list[str]:
    row = connection.execute(SIGNALS["watch_of"], {"gate": gate.id}).fetchone()
    if row is None:
        return []
    facts = []
    if row["trouble"] is not None:
        wait = format_duration(max(0.0, (datetime.fromisoformat(row["next_at"]) - now).total_seconds()))
        facts.append(
            f"it cannot be asked about: {row['trouble']}; asked again in {wait}, attempt {row['failures'] + 1}"
        )
    if row["seen"] is not None:
        since = format_duration((now - datetime.fromisoformat(row["polled_at"])).total_seconds())
        facts.append(f"as of {since} ago: {row['seen']}")
    return facts or ["it has not been asked about yet"]
