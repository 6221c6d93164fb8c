"""The deciding half of the stub at the protocol's edge: canned answers, every call noted."""

from collections.abc import Sequence

import engine_samples as samples

from engine.api import (
    AddRule,
    Attention,
    BatchAnswer,
    BatchOutcome,
    DecisionView,
    LedgerAction,
    LedgerCheck,
    LedgerEntry,
    Note,
    Rehearsal,
    Rule,
    RuleDraft,
    RuleEffect,
    RuleMatch,
    RuleOffer,
    Snooze,
)
from engine.model import AnswerKind, DecisionKind, Risk

DRAFT = RuleDraft(
    kind=DecisionKind.PERMISSION, effect=RuleEffect.REJECT, tool="Bash", arguments={"command": samples.HARD},
    expires=samples.NOON, max_uses=3, reason=samples.HARD,
)  # fmt: skip
RULE = Rule(id="u-0000000001", draft=DRAFT, by="me", created_at=samples.NOON, uses=2, last_used_at=samples.NOON)
MATCH = RuleMatch(
    decision="d-1", goal="g-1", task_key="build", question=samples.HARD, opened_at=samples.NOON,
    answer=AnswerKind.APPROVE, by="me",
)  # fmt: skip
REHEARSAL = Rehearsal(draft=DRAFT, approved=1, denied=0, unanswered=0, matches=(MATCH,), hash="ab" * 32)
ENTRY = LedgerEntry(
    seq=1, at=samples.NOON, action=LedgerAction.ANSWERED, decision="d-1", question=samples.HARD, shown_seconds=1.5,
    hash="cd" * 32,
)  # fmt: skip
CHECK = LedgerCheck(ok=False, rows=3, head="ef" * 32, at=3, problem="its content does not fit its hash")
OFFER = RuleOffer(draft=DRAFT, times=4, question=samples.HARD)
ATTENTION = Attention(answers=9, quick=4, by_rule=1, pending={Risk.HIGH: 2}, offers=(OFFER,))
NOTE = Note(subject="d-1", text=samples.HARD, by="me", at=samples.NOON)
OUTCOMES = (
    BatchOutcome(decision="d-1", view=samples.DECISION),
    BatchOutcome(decision="d-2", code="conflict", message=samples.HARD),
)


class DecidingStub:
    """Mixed into StubEngine, which notes the calls."""

    def _called(self, *call: object) -> None:
        raise NotImplementedError

    async def snooze(self, decision: str, snooze: Snooze) -> DecisionView:
        self._called("snooze", decision, snooze)
        return samples.DECISION

    async def delegate(self, decision: str, who: str, by: str = "operator") -> DecisionView:
        self._called("delegate", decision, who, by)
        return samples.DECISION

    async def note(self, ref: str, text: str, by: str = "operator") -> Note:
        self._called("note", ref, text, by)
        return NOTE

    async def answer_batch(self, answers: Sequence[BatchAnswer]) -> Sequence[BatchOutcome]:
        self._called("answer_batch", tuple(answers))
        return OUTCOMES

    async def history(
        self, limit: int = 100, before: int | None = None, decision: str | None = None
    ) -> Sequence[LedgerEntry]:
        self._called("history", limit, before, decision)
        return (ENTRY,)

    async def attention(self) -> Attention:
        self._called("attention")
        return ATTENTION

    async def verify_ledger(self) -> LedgerCheck:
        self._called("verify_ledger")
        return CHECK

    async def rules(self) -> Sequence[Rule]:
        self._called("rules")
        return (RULE,)

    async def rehearse(self, draft: RuleDraft) -> Rehearsal:
        self._called("rehearse", draft)
        return REHEARSAL

    async def add_rule(self, request: AddRule) -> Rule:
        self._called("add_rule", request)
        return RULE

    async def revoke_rule(self, rule: str, by: str = "operator") -> Rule:
        self._called("revoke_rule", rule, by)
        return RULE
