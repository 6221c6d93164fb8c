"""The ledger of decisions: one row for whatever was done to one, each chained to the row before by SHA-256."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from engine.api.answers import View

FIRST = "0" * 64
"""What the first row names as its previous hash."""


class LedgerAction(StrEnum):
    """What was done. `approved_once`: the first of two approvals."""

    STAGED = "staged"
    APPROVED_ONCE = "approved_once"
    ANSWERED = "answered"
    UNDONE = "undone"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SNOOZED = "snoozed"
    DELEGATED = "delegated"
    RULE_ADDED = "rule_added"
    RULE_REVOKED = "rule_revoked"


class LedgerEntry(View):
    """One row. `card` is the SHA-256 of what the engine had to show at that version, `shown` the content hash the door
    says was on its card, `shown_seconds` for how long; `waited`: seconds since it was opened. `feedback` and
    `said` are the SHA-256 of the words and of the raw answer, empty without any. `previous` is the hash of the row
    before, `hash` that of this one."""

    seq: int
    at: datetime
    action: LedgerAction
    decision: str = ""
    version: int = 0
    kind: str = ""
    goal: str = ""
    task: str = ""
    question: str = ""
    risk: str = ""
    answer: str = ""
    option: str = ""
    by: str = ""
    via: str = ""
    rule: str = ""
    card: str = ""
    shown: str = ""
    shown_seconds: float | None = None
    waited: float | None = None
    feedback: str = ""
    said: str = ""
    note: str = ""
    previous: str = FIRST
    hash: str = ""

    def computed(self) -> str:
        """The SHA-256 this row should carry: of every other field, in canonical JSON."""
        return digest(self.model_dump(mode="json", exclude={"hash"}))


class LedgerCheck(View):
    """Whether the chain holds. `rows` were looked at, `head` is the newest hash; `problem` says what does not fit and
    `at` in which row, where something does not."""

    ok: bool
    rows: int
    head: str = FIRST
    at: int | None = None
    problem: str = ""


def digest(value: object) -> str:
    """The SHA-256 of a value as canonical JSON, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def check_chain(entries: Iterable[LedgerEntry], head: str | None = None) -> LedgerCheck:
    """Follow the chain from its first row; `head` is the hash that the newest row has to carry, where that is known."""
    previous, rows = FIRST, 0
    for rows, entry in enumerate(entries, 1):
        problem = _problem(entry, rows, previous)
        if problem:
            return LedgerCheck(ok=False, rows=rows, head=previous, at=entry.seq, problem=problem)
        previous = entry.hash
    if head is not None and previous != head:
        return LedgerCheck(ok=False, rows=rows, head=previous, at=rows + 1, problem="rows are missing at its end")
    return LedgerCheck(ok=True, rows=rows, head=previous)


def _problem(entry: LedgerEntry, number: int, previous: str) -> str:
    if entry.seq != number:
        return f"row {number} is missing"
    if entry.previous != previous:
        return "it does not name the hash of the row before"
    return "" if entry.computed() == entry.hash else "its content does not fit its hash"
