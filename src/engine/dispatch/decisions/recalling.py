"""An answer that was staged before something new was asked is taken back: it rests on what was known before (R82)."""

from engine.api import LedgerAction
from engine.dispatch.decisions.approving import HELD_BY_QUESTIONS, PASSES
from engine.dispatch.decisions.lifecycle import get
from engine.dispatch.ledger import record
from engine.dispatch.steps import DECISIONS
from engine.events import EventType
from engine.model import DecisionState
from engine.store import Tx


def recall_staged(tx: Tx, goal: str, question: str) -> None:
    """staged → pending for every approval of the goal that has had no effect."""
    for row in tx.all(DECISIONS["open_of_goal"], {"goal": goal}):
        held = get(tx, row["id"])
        if held.state is not DecisionState.STAGED or held.kind not in HELD_BY_QUESTIONS or held.answer not in PASSES:
            continue
        record(tx, LedgerAction.UNDONE, held, via="engine", note=f"{question} was asked")
        tx.run(DECISIONS["undo"], {"id": held.id})
        tx.emit(EventType.DECISION_UNDONE, goal=goal, task=held.task, decision=held.id, version=held.version + 1,
                why=f"{question} was asked")  # fmt: skip
