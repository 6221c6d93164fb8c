"""Decisions beyond one answer over the control API (the `Deciding` half of Engine)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

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
    Snooze,
)
from engine.client.reading import read, read_all, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire

OUTCOMES: TypeAdapter[tuple[BatchOutcome, ...]] = TypeAdapter(tuple[BatchOutcome, ...])
ENTRIES: TypeAdapter[tuple[LedgerEntry, ...]] = TypeAdapter(tuple[LedgerEntry, ...])
RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])
PATIENCE = 300.0  # seconds: a chain may be long, and so may a batch


class RemoteDeciding:
    """Each is one request; none is repeated by itself."""

    _wire: "Wire"

    async def snooze(self, decision: str, snooze: Snooze) -> DecisionView:
        return read(DecisionView, await self._wire.post(f"/v1/decisions/{segment(decision)}/snooze", snooze))

    async def delegate(self, decision: str, who: str, by: str = "operator") -> DecisionView:
        body = {"who": who, "by": by}
        return read(DecisionView, await self._wire.post(f"/v1/decisions/{segment(decision)}/delegate", body))

    async def note(self, ref: str, text: str, by: str = "operator") -> Note:
        noun = "decisions" if ref.startswith("d") else "tasks"
        return read(Note, await self._wire.post(f"/v1/{noun}/{segment(ref)}/note", {"text": text, "by": by}))

    async def answer_batch(self, answers: Sequence[BatchAnswer]) -> Sequence[BatchOutcome]:
        body = {"answers": [row.model_dump(mode="json") for row in answers]}
        return read_all(OUTCOMES, await self._wire.post("/v1/decisions/batch", body, patience=PATIENCE))

    async def history(
        self, limit: int = 100, before: int | None = None, decision: str | None = None
    ) -> Sequence[LedgerEntry]:
        asked: dict[str, str | int] = {"limit": limit}
        asked |= {} if before is None else {"before": before}
        asked |= {} if decision is None else {"decision": decision}
        return read_all(ENTRIES, await self._wire.get("/v1/ledger", asked))

    async def attention(self) -> Attention:
        return read(Attention, await self._wire.get("/v1/ledger/attention"))

    async def verify_ledger(self) -> LedgerCheck:
        return read(LedgerCheck, await self._wire.get("/v1/ledger/check"))

    async def rules(self) -> Sequence[Rule]:
        return read_all(RULES, await self._wire.get("/v1/rules"))

    async def rehearse(self, draft: RuleDraft) -> Rehearsal:
        return read(Rehearsal, await self._wire.post("/v1/rules/rehearse", draft))

    async def add_rule(self, request: AddRule) -> Rule:
        return read(Rule, await self._wire.post("/v1/rules", request))

    async def revoke_rule(self, rule: str, by: str = "operator") -> Rule:
        return read(Rule, await self._wire.post(f"/v1/rules/{segment(rule)}/revoke", {"by": by}))
