"""A rule is rehearsed before it is made: what it would have answered, and what was said then (F141)."""

import sqlite3
from datetime import datetime

from engine.api import AddRule, LedgerAction, LedgerEntry, Rehearsal, Rule, RuleDraft, RuleMatch
from engine.api.asking import NEVER
from engine.api.ledger import digest
from engine.dispatch.decisions.ruling import applies, in_force, pin_of
from engine.dispatch.ledger import append
from engine.errors import Conflict, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.ids import IdSource, Kind
from engine.model import AnswerKind
from engine.store import Tx, named_queries
from engine.store.rows import decision_from

RULES = named_queries("rules")
SHOWN = 100  # matches


def rehearse(connection: sqlite3.Connection, draft: RuleDraft) -> Rehearsal:
    """Run a draft over every decision of the past that a person was asked."""
    matches = [
        RuleMatch(
            decision=held.id, goal=held.goal, task_key=row["task_key"], question=held.question,
            opened_at=held.opened_at, answer=None if held.answered_at is None else _said(held.answer, held.chosen),
            by=held.by,
        )
        for row in connection.execute(RULES["past"], {"kind": draft.kind}).fetchall()
        if row["rule"] is None
        and applies(draft, held := decision_from(row), row["goal_title"], row["task_key"])
    ]  # fmt: skip
    approved = sum(match.answer is AnswerKind.APPROVE for match in matches)
    unanswered = sum(match.answer is None for match in matches)
    scope = pin_of(draft.model_copy(update={"expires": None}))  # how long it lasts changes nothing that it fits
    pin = digest([scope, [[match.decision, match.answer] for match in matches]])
    return Rehearsal(
        draft=draft, approved=approved, denied=len(matches) - approved - unanswered, unanswered=unanswered,
        matches=tuple(reversed(matches[-SHOWN:])), hash=pin,
    )  # fmt: skip


def _said(answer: AnswerKind | None, chosen: str | None) -> AnswerKind | None:
    """A contact is allowed or refused by choice: the same two words for both."""
    if answer is AnswerKind.CHOOSE:
        return AnswerKind.REJECT if chosen == NEVER else AnswerKind.APPROVE
    return answer


def add_rule(tx: Tx, ids: IdSource, request: AddRule) -> str:
    """Store a rule whose rehearsal was shown, over the history as it is in this transaction; returns its id."""
    draft = request.draft
    if draft.expires is not None and draft.expires <= tx.now:
        raise Invalid("the rule would have expired already", hint="give it a time that is still to come")
    if rehearse(tx.connection, draft).hash != request.rehearsed:
        raise StaleVersion("this is not the rehearsal of this rule over the history as it is",
                           hint="rehearse it again and look at what it fits: pilothouse rules try")  # fmt: skip
    rule, pin = ids(Kind.RULE), pin_of(draft)
    values = {"id": rule, "draft": draft.model_dump_json(), "pin": pin, "rehearsed": request.rehearsed,
              "by": request.by, "at": tx.at}  # fmt: skip
    tx.run(RULES["insert"], values)
    _tell(tx, LedgerAction.RULE_ADDED, rule, request.by, pin)
    tx.emit(EventType.RULE_ADDED, rule=rule, kind=draft.kind, effect=draft.effect, by=request.by)
    return rule


def revoke_rule(tx: Tx, rule: str, by: str) -> None:
    """It answers nothing more; what it answered stands."""
    if tx.run(RULES["revoke"], {"id": rule, "at": tx.at, "by": by}) != 1:
        raise Conflict(f"{rule} is revoked already")
    _tell(tx, LedgerAction.RULE_REVOKED, rule, by, "")
    tx.emit(EventType.RULE_REVOKED, rule=rule, by=by)


def _tell(tx: Tx, action: LedgerAction, rule: str, by: str, pin: str) -> None:
    append(tx, LedgerEntry(seq=0, at=tx.now, action=action, rule=rule, by=by, note=pin))


def rule_view(connection: sqlite3.Connection, rule: str, now: datetime) -> Rule:
    row = connection.execute(RULES["get"], {"id": rule}).fetchone()
    if row is None:
        raise NotFound(f"no rule {rule}", hint="pilothouse rules list")
    return _rule(row, now)


def rule_views(connection: sqlite3.Connection, now: datetime) -> list[Rule]:
    """Every rule there ever was, those in force first."""
    rules = [_rule(row, now) for row in connection.execute(RULES["all"]).fetchall()]
    return sorted(rules, key=lambda rule: not rule.active)


def _rule(row: sqlite3.Row, now: datetime) -> Rule:
    draft = RuleDraft.model_validate_json(row["draft"])
    active = row["revoked_at"] is None and pin_of(draft) == row["pin"] and in_force(draft, row["uses"], now)
    kept = {name: row[name] for name in ("id", "by", "created_at", "uses", "last_used_at", "revoked_at", "revoked_by")}
    return Rule.model_validate({**kept, "draft": draft, "active": active})
