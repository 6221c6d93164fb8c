"""The deciding half of the stand-in engine: recorded, with replies a test sets."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.api import (
    AddRule,
    Attention,
    BatchAnswer,
    BatchOutcome,
    DecisionView,
    LedgerCheck,
    LedgerEntry,
    Note,
    Rehearsal,
    Rule,
    RuleDraft,
    RuleMatch,
    Snooze,
)
from engine.errors import PilothouseError, StaleVersion

NOON = datetime(2026, 5, 4, 14, 20, 7, tzinfo=UTC)


class FrozenDeciding:
    """Mixed into FrozenEngine, which has `calls`, `cards`, `change` and `answer`."""

    calls: list[tuple[str, object]]
    cards: dict[str, Any]
    change: Any
    answer: Any

    def __init__(self) -> None:
        self.made: list[Rule] = []
        self.ledger: list[LedgerEntry] = []
        self.counted = Attention(answers=0, quick=0, by_rule=0)
        self.matches: tuple[RuleMatch, ...] = ()
        self.tallies = (0, 0, 0)
        self.history_hash = "h1"

    async def snooze(self, decision: str, snooze: Snooze) -> DecisionView:
        self.calls.append(("snooze", (decision, snooze)))
        view = self.cards[decision].decision
        if snooze.version != view.version:
            raise StaleVersion(f"{decision} is at version {view.version}, not {snooze.version}")
        until = None if snooze.seconds is None else NOON + timedelta(seconds=snooze.seconds)
        return self.change(decision, version=view.version + 1, snoozed_until=until, snoozed_for_news=snooze.news)

    async def delegate(self, decision: str, who: str, by: str = "operator") -> DecisionView:
        self.calls.append(("delegate", (decision, who)))
        return self.change(decision, delegate=who or None)

    async def note(self, ref: str, text: str, by: str = "operator") -> Note:
        self.calls.append(("note", (ref, text)))
        note = Note(subject=ref, text=text, by=by, at=NOON)
        if ref in self.cards:
            self.change(ref, notes=(*self.cards[ref].decision.notes, note))
        return note

    async def answer_batch(self, answers: Sequence[BatchAnswer]) -> Sequence[BatchOutcome]:
        self.calls.append(("answer_batch", tuple(answers)))
        outcomes = []
        for row in answers:
            try:
                outcomes.append(BatchOutcome(decision=row.decision, view=await self.answer(row.decision, row.answer)))
            except PilothouseError as error:
                outcomes.append(BatchOutcome(decision=row.decision, code=error.code, message=error.message))
        return outcomes

    async def history(
        self, limit: int = 100, before: int | None = None, decision: str | None = None
    ) -> Sequence[LedgerEntry]:
        return self.ledger[:limit]

    async def attention(self) -> Attention:
        return self.counted

    async def rules(self) -> Sequence[Rule]:
        return self.made

    async def rehearse(self, draft: RuleDraft) -> Rehearsal:
        self.calls.append(("rehearse", draft))
        approved, denied, unanswered = self.tallies
        return Rehearsal(
            draft=draft, approved=approved, denied=denied, unanswered=unanswered, matches=self.matches,
            hash=self.history_hash,
        )  # fmt: skip

    async def add_rule(self, request: AddRule) -> Rule:
        self.calls.append(("add_rule", request))
        if request.rehearsed != self.history_hash:
            raise StaleVersion("this is not the rehearsal of this rule over the history as it is")
        self.made.append(Rule(id="u-12ab34cd56", draft=request.draft, by=request.by, created_at=NOON))
        return self.made[-1]

    async def revoke_rule(self, rule: str, by: str = "operator") -> Rule:
        self.calls.append(("revoke_rule", rule))
        return next(made for made in self.made if made.id == rule)

    async def verify_ledger(self) -> LedgerCheck:
        return LedgerCheck(ok=True, rows=len(self.ledger))
