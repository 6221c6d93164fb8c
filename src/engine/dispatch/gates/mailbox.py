"""Signals that came before their gate: kept, taken by the opening they fit, taken back with the work they were about
(R65-R67)."""

import logging
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from engine.dispatch.steps import GATES, GOALS, SIGNALS
from engine.errors import Unreadable
from engine.events import EventType
from engine.model import GateState, SignalStatus
from engine.store import Tx, stamp
from engine.store.rows import gate_spec_from

log = logging.getLogger(__name__)

KEPT = timedelta(days=30)  # a signal that nothing has waited for in this time is about nothing any more
STALES_TOLD = 20  # events about signals of other commits that one opening emits


def early(tx: Tx, gate: Mapping[str, Any]) -> list[sqlite3.Row]:
    """What has come for this gate before it opened, the newest first.

    With a commit under test: everything said about this very commit. Without: what came since the goal was made and
    no other gate took. One app's good word is not enough where the gate itself asks for every check.
    """
    goal = tx.one(GOALS["get"], {"id": gate["goal"]})
    assert goal is not None
    values = {name: gate[name] for name in ("kind", "task", "repo", "pr", "name", "key", "head")}
    if gate["head"] is None:
        found = tx.all(SIGNALS["early"], {**values, "since": goal["created_at"]})
        found = [row for row in found if may_be_about(tx, gate, row["head_sha"], row["received_at"])]
    else:
        found = tx.all(SIGNALS["about_commit"], values)
        _tell_stale(tx, gate, {**values, "since": goal["created_at"]})
    polled = polls(gate)
    return [row for row in found if not (polled and row["partial"] and row["status"] == SignalStatus.PASS)]


def may_be_about(tx: Tx, gate: Mapping[str, Any], head: str | None, received_at: str) -> bool:
    """Whether a signal about commit `head` counts for a gate whose own commit is not known yet (R66).

    A gate that asks for the head of its pull request waits for that answer. Only where it cannot be had, what has come
    since the gate opened counts as it is.
    """
    if head is None or gate["pr"] is None or not polls(gate):
        return True
    watch = tx.one(SIGNALS["watch_of"], {"gate": gate["id"]})
    return watch is not None and watch["trouble"] is not None and received_at >= gate["opened_at"]


def polls(gate: Mapping[str, Any]) -> bool:
    """Whether this gate asks the service itself."""
    return gate["repo"] is not None and gate_spec_from(dict(gate)).poll


def take(tx: Tx, gate: Mapping[str, Any], signal: int) -> None:
    """The gate consumes it, for good."""
    tx.run(SIGNALS["match"], {"id": signal})
    tx.run(SIGNALS["consume"], {"signal": signal, "task": gate["task"], "gate": gate["id"]})
    tx.emit(EventType.SIGNAL_MATCHED, goal=gate["goal"], task=gate["task"], signal=signal, gate=gate["id"],
            kind=gate["kind"])  # fmt: skip


def pass_over(tx: Tx, gate: Mapping[str, Any], signal: int, why: str) -> None:
    """This gate will never take it, nor will a later opening of it."""
    tx.run(SIGNALS["consume"], {"signal": signal, "task": gate["task"], "gate": None})
    tell_stale(tx, gate, signal, why)


def tell_stale(tx: Tx, gate: Mapping[str, Any], signal: int, why: str) -> None:
    tx.emit(EventType.SIGNAL_STALE, goal=gate["goal"], task=gate["task"], signal=signal, gate=gate["id"], why=why)


def take_back(tx: Tx, task: str) -> None:
    """The work before a gate runs again: what was said so far is about the work before it (R65)."""
    row = tx.one(GATES["newest_of_task"], {"task": task})
    if row is None:
        return
    waiting = [row]
    while waiting:
        gate = waiting.pop()
        members = tx.all(GATES["members"], {"parent": gate["id"]})
        waiting += members
        if not members and gate["state"] != GateState.OPEN:
            for signal in _early_if_readable(tx, dict(gate)):
                pass_over(tx, dict(gate), signal["id"], "the work it was about runs again")


def _early_if_readable(tx: Tx, gate: Mapping[str, Any]) -> list[sqlite3.Row]:
    """A closed gate that cannot be read keeps no work from running again (R16)."""
    try:
        return early(tx, gate)
    except Unreadable as error:
        log.error("what came for it is not taken back: %s", error.message)
        return []


def forget_aged(tx: Tx) -> None:
    """Keep the mailbox bounded in time."""
    for row in tx.all(SIGNALS["aged"], {"before": stamp(tx.now - KEPT)}):
        tx.run(SIGNALS["age"], {"id": row["id"]})
        tx.emit(EventType.SIGNAL_STALE, signal=row["id"], why=f"nothing waited for it in {KEPT.days} days")


def _tell_stale(tx: Tx, gate: Mapping[str, Any], values: dict[str, Any]) -> None:
    others = [row for row in tx.all(SIGNALS["early"], values) if row["head_sha"] != gate["head"]]
    for row in others[:STALES_TOLD]:
        about = row["head_sha"] or "no commit"
        tell_stale(tx, gate, row["id"], f"it is about {about}, the gate about {gate['head']}")
