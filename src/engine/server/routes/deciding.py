"""Decisions beyond one answer: put off, passed on, noted, answered in a batch or by rule, proved later."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from engine.api import (
    AddRule,
    Attention,
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
from engine.server.bodies import Batch, Delegate, Noted, Ordered
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["deciding"])


@router.post("/decisions/batch")
async def batch(engine: TheEngine, body: Batch) -> Sequence[BatchOutcome]:
    """The same answer to look-alikes; each row has its own outcome, and 200 says only that each was tried."""
    return await engine.answer_batch(body.answers)


@router.post("/decisions/{ref}/snooze")
async def snooze(engine: TheEngine, ref: Ref, body: Snooze) -> DecisionView:
    """Put it off; it stays pending under a new version."""
    return await engine.snooze(ref, body)


@router.post("/decisions/{ref}/delegate")
async def delegate(engine: TheEngine, ref: Ref, body: Delegate) -> DecisionView:
    """Label it with who should answer; anybody still may."""
    return await engine.delegate(ref, body.who, body.by)


@router.post("/decisions/{ref}/note")
async def note_decision(engine: TheEngine, ref: Ref, body: Noted) -> Note:
    return await engine.note(ref, body.text, body.by)


@router.post("/tasks/{ref}/note")
async def note_task(engine: TheEngine, ref: Ref, body: Noted) -> Note:
    return await engine.note(ref, body.text, body.by)


@router.get("/ledger")
async def history(
    engine: TheEngine,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    decision: Annotated[str | None, Query(max_length=200)] = None,
) -> Sequence[LedgerEntry]:
    """What was done to decisions, newest first."""
    return await engine.history(limit, before, decision)


@router.get("/ledger/check")
async def check(engine: TheEngine) -> LedgerCheck:
    """Follow the whole chain."""
    return await engine.verify_ledger()


@router.get("/ledger/attention")
async def attention(engine: TheEngine) -> Attention:
    """How answers were given, and which rules could have given them."""
    return await engine.attention()


@router.get("/rules")
async def rules(engine: TheEngine) -> Sequence[Rule]:
    """Every rule there ever was, those in force first."""
    return await engine.rules()


@router.post("/rules/rehearse")
async def rehearse(engine: TheEngine, body: RuleDraft) -> Rehearsal:
    """Run a rule over the history; nothing is written."""
    return await engine.rehearse(body)


@router.post("/rules")
async def add_rule(engine: TheEngine, body: AddRule) -> Rule:
    """Make a rehearsed draft a rule."""
    return await engine.add_rule(body)


@router.post("/rules/{ref}/revoke")
async def revoke(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> Rule:
    """It answers nothing more."""
    return await engine.revoke_rule(ref, (body or Ordered()).by)
