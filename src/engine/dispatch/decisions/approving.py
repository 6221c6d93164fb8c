"""Who may let something through: nobody while a question is open, two names where the policy wants two (R82, R83)."""

from dataclasses import dataclass

from engine.api import Answer, LedgerAction
from engine.api.asking import NEVER
from engine.dispatch.ledger import record
from engine.errors import Conflict
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, DecisionRecord, Risk
from engine.settings import EngineSettings
from engine.store import Tx, named_queries

DECIDING = named_queries("deciding")
PASSES = (AnswerKind.APPROVE, AnswerKind.CHOOSE, AnswerKind.FILL)
HELD_BY_QUESTIONS = (
    *(DecisionKind.APPROVAL, DecisionKind.CHOICE, DecisionKind.FORM),
    *(DecisionKind.REVIEW, DecisionKind.REWORK),
)


@dataclass(frozen=True)
class ApprovalPolicy:
    """For the highest risk: whether it takes two names, and which names count (none given: every one)."""

    second: bool = False
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: EngineSettings) -> "ApprovalPolicy":
        return cls(settings.second_approver, settings.approvers)


EVERYBODY = ApprovalPolicy()


def lets_through(answer: Answer) -> bool:
    """Whether something goes on by this answer."""
    return answer.answer in PASSES and answer.option != NEVER


def require_no_question(tx: Tx, decision: DecisionRecord) -> None:
    """Raise Conflict, naming it, while a running task of the goal has asked something that nobody answered."""
    if decision.kind not in HELD_BY_QUESTIONS:
        return
    asked = tx.one(DECIDING["open_questions"], {"goal": decision.goal})
    if asked is not None:
        raise Conflict(f"{asked['id']} is open: {asked['question'][:200]}", hint=f"answer {asked['id']} first",
                       details={"question": asked["id"], "version": asked["version"]})  # fmt: skip


def first_of_two(tx: Tx, decision: DecisionRecord, answer: Answer, policy: ApprovalPolicy) -> bool:
    """Whether this approval is the first of two that are needed: it is kept, and the decision stays pending under a
    new version. Conflict for a name that may not, or that approved already."""
    if decision.risk is not Risk.HIGH:
        return False
    if policy.names and _name(answer.by) not in map(_name, policy.names):
        raise Conflict(f"{answer.by} may not approve what is of high risk", hint=f"ask {' or '.join(policy.names)}")
    if not policy.second:
        return False
    first = tx.one(DECIDING["first_approval"], {"decision": decision.id})
    if first is not None:
        if _name(first["by"]) == _name(answer.by):
            raise Conflict(f"{decision.id} needs a second name: {first['by']} approved already",
                           hint="somebody else has to approve it, too")  # fmt: skip
        return False
    values = {"decision": decision.id, "by": answer.by, "via": answer.via, "at": tx.at, "content": answer.content}
    tx.run(DECIDING["approve_once"], values)
    tx.run(DECIDING["raise_version"], {"id": decision.id})
    seen = {"answer": answer.answer, "shown": answer.content, "shown_seconds": answer.shown_seconds,
            "feedback": answer.feedback or None}  # fmt: skip
    record(tx, LedgerAction.APPROVED_ONCE, decision.model_copy(update=seen), by=answer.by, via=answer.via)
    tx.emit(EventType.DECISION_APPROVED_ONCE, goal=decision.goal, task=decision.task, decision=decision.id,
            version=decision.version + 1, by=answer.by, via=answer.via)  # fmt: skip
    return True


def forget_first(tx: Tx, decision: DecisionRecord) -> bool:
    """Take the first of two approvals back; False when there is none."""
    if tx.run(DECIDING["forget_approval"], {"decision": decision.id}) != 1:
        return False
    tx.run(DECIDING["raise_version"], {"id": decision.id})
    return True


def _name(text: str) -> str:
    return " ".join(text.split()).casefold()
