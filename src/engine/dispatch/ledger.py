"""Rows of the ledger: written in the transaction of what they tell about, each chained to the one before (R85)."""

import json
import sqlite3
from collections.abc import Iterator

from engine.api import LedgerAction, LedgerCheck, LedgerEntry
from engine.api.ledger import FIRST, check_chain, digest
from engine.model import DecisionRecord
from engine.store import Tx, named_queries

LEDGER = named_queries("ledger")
ON_THE_CARD = frozenset(
    {"id", "version", "goal", "task", "kind", "question", "options", "risk", "risk_reason", "content", "deadline",
     "evidence", "choices", "fields"}
)  # fmt: skip


def card_hash(decision: DecisionRecord) -> str:
    """The SHA-256 of what the engine has to show of a decision at this version."""
    return digest(decision.model_dump(mode="json", include=set(ON_THE_CARD)))


def record(
    tx: Tx, action: LedgerAction, decision: DecisionRecord, *, by: str | None = None, via: str = "", note: str = ""
) -> None:
    """One row about a decision as it is `decision`: its answer, who gave it through which door, what they saw."""
    entry = LedgerEntry(
        seq=0, at=tx.now, action=action, decision=decision.id, version=decision.version, kind=decision.kind,
        goal=decision.goal, task=decision.task, question=decision.question, risk=decision.risk,
        answer=decision.answer or "", option=decision.chosen or "", by=by or decision.by or "",
        via=via or decision.via or "", rule=decision.rule or "", card=card_hash(decision), shown=decision.shown or "",
        shown_seconds=decision.shown_seconds, waited=(tx.now - decision.opened_at).total_seconds(),
        feedback=digest(decision.feedback) if decision.feedback else "",
        said=digest(decision.raw) if decision.raw else "", note=note,
    )  # fmt: skip
    append(tx, entry)


def append(tx: Tx, entry: LedgerEntry) -> LedgerEntry:
    """Number the entry, chain it and store it; the newest hash is kept apart, so that a cut end is seen, too."""
    newest = tx.one(LEDGER["newest"])
    seq, previous = (1, FIRST) if newest is None else (int(newest["seq"]) + 1, str(newest["hash"]))
    chained = entry.model_copy(update={"seq": seq, "previous": previous})
    chained = chained.model_copy(update={"hash": chained.computed()})
    text = json.dumps(chained.model_dump(mode="json", exclude={"seq", "previous", "hash"}))
    values = {"seq": seq, "decision": entry.decision, "previous": previous, "hash": chained.hash, "entry": text}
    tx.run(LEDGER["add"], values)
    tx.run(LEDGER["set_head"], {"hash": chained.hash})
    return chained


def entry_from(row: sqlite3.Row) -> LedgerEntry:
    """The entry as it is stored, whatever was done to it since."""
    held = json.loads(row["entry"])
    return LedgerEntry.model_validate({**held, "seq": row["seq"], "previous": row["previous"], "hash": row["hash"]})


def verify(connection: sqlite3.Connection) -> LedgerCheck:
    """Follow the whole chain, up to the newest hash that was kept apart."""
    head = connection.execute(LEDGER["head"]).fetchone()
    expected = FIRST if head is None else str(head["value"])

    def entries() -> Iterator[LedgerEntry]:
        for row in connection.execute(LEDGER["all"]):
            yield entry_from(row)

    return check_chain(entries(), expected)
