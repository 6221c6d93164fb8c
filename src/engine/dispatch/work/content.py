"""The content that approvals are bound to, the tip of a goal's branch, when it has moved (R82)."""

from engine.api import LedgerAction
from engine.dispatch.decisions.lifecycle import get
from engine.dispatch.decisions.snoozing import wake
from engine.dispatch.ledger import record
from engine.dispatch.steps import DECISIONS
from engine.events import EventType
from engine.store import Tx, named_queries

DECIDING = named_queries("deciding")


def renew_content(tx: Tx, goal: str, tip: str) -> None:
    """The goal's branch moved: an open approval asks about the new content, a staged one is taken back (R82)."""
    values = {"goal": goal, "content": tip}
    tx.run(DECIDING["forget_old_approvals"], values)
    for row in tx.all(DECIDING["woken_by_content"], values):
        wake(tx, get(tx, row["id"]), "what it asks about changed")
    for row in tx.all(DECISIONS["staged_on_old_content"], values):
        record(tx, LedgerAction.UNDONE, get(tx, row["id"]), via="engine", note="what it asks about changed")
        tx.run(DECISIONS["undo"], {"id": row["id"]})
        tx.emit(EventType.DECISION_UNDONE, goal=goal, decision=row["id"], why="content changed", content=tip)
    tx.run(DECISIONS["new_content"], values)
