"""What is done with decisions beyond one answer (the `Deciding` half of Engine)."""

import sqlite3
from collections.abc import Callable, Sequence

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
from engine.dispatch.decisions import rehearsing
from engine.dispatch.decisions.attention import attention
from engine.dispatch.decisions.noting import add_note, delegate
from engine.dispatch.decisions.snoozing import snooze as put_off
from engine.dispatch.ledger import LEDGER, entry_from, verify
from engine.errors import Invalid, PilothouseError
from engine.local import views
from engine.local.parts import Parts
from engine.local.refs import resolve, task_of
from engine.model import DecisionRecord, Risk
from engine.store import Tx
from engine.store.rows import decision_from

LONGEST_BATCH, LONGEST_PAGE = 200, 1_000
NEWEST = 2**62


class LocalDeciding:
    """Each is one transaction of the store; a batch is one for each of its rows."""

    _parts: Parts

    async def snooze(self, decision: str, snooze: Snooze) -> DecisionView:
        return await self._change(decision, lambda tx, id: put_off(tx, id, snooze))

    async def delegate(self, decision: str, who: str, by: str = "operator") -> DecisionView:
        return await self._change(decision, lambda tx, id: delegate(tx, id, who, by))

    async def note(self, ref: str, text: str, by: str = "operator") -> Note:
        database = self._parts.context.database
        subject = await database.read(lambda c: resolve(c, ref, "d") if ref.startswith("d") else task_of(c, ref))
        return await database.write(lambda tx: add_note(tx, subject, text, by))

    async def answer_batch(self, answers: Sequence[BatchAnswer]) -> Sequence[BatchOutcome]:
        database = self._parts.context.database
        refs = [row.decision for row in answers]
        held = await database.read(lambda c: [_decision(c, ref) for ref in refs])
        _require_alike(answers, held)
        return [await self._row(one.id, row) for one, row in zip(held, answers, strict=True)]

    async def _row(self, decision: str, row: BatchAnswer) -> BatchOutcome:
        try:
            answered = await self._parts.answers.answer(decision, row.answer)
        except PilothouseError as error:
            return BatchOutcome(decision=decision, code=error.code, message=error.message)
        view = await self._parts.context.database.read(lambda c: views.decision_view(c, answered))
        return BatchOutcome(decision=decision, view=view)

    async def history(
        self, limit: int = 100, before: int | None = None, decision: str | None = None
    ) -> Sequence[LedgerEntry]:
        if not 1 <= limit <= LONGEST_PAGE:
            raise Invalid(f"a page has 1 to {LONGEST_PAGE:,} rows, not {limit}")
        values: dict[str, object] = {"before": before or NEWEST, "limit": limit}

        def query(connection: sqlite3.Connection) -> list[LedgerEntry]:
            if decision is None:
                rows = connection.execute(LEDGER["before"], values).fetchall()
            else:
                one = {**values, "decision": resolve(connection, decision, "d")}
                rows = connection.execute(LEDGER["of_decision"], one).fetchall()
            return [entry_from(row) for row in rows]

        return await self._parts.context.database.read(query)

    async def attention(self) -> Attention:
        return await self._parts.context.database.read(attention)

    async def verify_ledger(self) -> LedgerCheck:
        return await self._parts.context.database.read(verify)

    async def rules(self) -> Sequence[Rule]:
        now = self._parts.context.clock.now()
        return await self._parts.context.database.read(lambda c: rehearsing.rule_views(c, now))

    async def rehearse(self, draft: RuleDraft) -> Rehearsal:
        return await self._parts.context.database.read(lambda c: rehearsing.rehearse(c, draft))

    async def add_rule(self, request: AddRule) -> Rule:
        context = self._parts.context
        made = await context.database.write(lambda tx: rehearsing.add_rule(tx, context.ids, request))
        return await self._rule(made)

    async def revoke_rule(self, rule: str, by: str = "operator") -> Rule:
        found = await self._parts.context.database.read(lambda c: resolve(c, rule, "u"))
        await self._parts.context.database.write(lambda tx: rehearsing.revoke_rule(tx, found, by))
        return await self._rule(found)

    async def _rule(self, rule: str) -> Rule:
        now = self._parts.context.clock.now()
        return await self._parts.context.database.read(lambda c: rehearsing.rule_view(c, rule, now))

    async def _change(self, ref: str, unit: Callable[[Tx, str], DecisionRecord]) -> DecisionView:
        database = self._parts.context.database
        found = await database.read(lambda c: resolve(c, ref, "d"))
        changed = await database.write(lambda tx: unit(tx, found))
        return await database.read(lambda c: views.decision_view(c, changed))


def _decision(connection: sqlite3.Connection, ref: str) -> DecisionRecord:
    found = resolve(connection, ref, "d")
    return decision_from(connection.execute(views.DECISIONS["get"], {"id": found}).fetchone())


def _require_alike(answers: Sequence[BatchAnswer], held: Sequence[DecisionRecord]) -> None:
    """Invalid unless one look is enough for all of them."""
    if not 1 <= len(answers) <= LONGEST_BATCH:
        raise Invalid(f"a batch has 1 to {LONGEST_BATCH} rows, not {len(answers)}")
    if len({decision.id for decision in held}) < len(held):
        raise Invalid("a batch names each decision once")
    first = held[0]
    if any(decision.kind is not first.kind or decision.risk is not first.risk for decision in held):
        raise Invalid("a batch is of one kind and one risk", hint="answer what is different by itself")
    if first.risk is Risk.HIGH:
        raise Invalid("what is of high risk is answered one by one")
    said = {(row.answer.answer, row.answer.option, row.answer.feedback, str(row.answer.fields)) for row in answers}
    if len(said) > 1:
        raise Invalid("a batch gives every row the same answer")
