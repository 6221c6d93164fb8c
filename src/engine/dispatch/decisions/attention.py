"""How people answered: too fast to have read, or the same so often that a rule could (F140)."""

import sqlite3
from collections.abc import Iterator

from engine.api import Attention, LedgerAction, RuleDraft, RuleEffect, RuleOffer
from engine.api.asking import NEVER
from engine.dispatch.decisions.risk import argument_text
from engine.dispatch.decisions.ruling import VIA, applies, pinned
from engine.dispatch.ledger import LEDGER, entry_from
from engine.model import AnswerKind, DecisionKind, DecisionRecord, Risk
from engine.store import named_queries
from engine.store.rows import decision_from

RULES = named_queries("rules")
QUICK = 2.0  # seconds: nobody reads a card in less
SAME = 3  # the same answers in a row after which a rule is offered
OFFERS = 20


def attention(connection: sqlite3.Connection) -> Attention:
    """Counted over the whole ledger."""
    answers = quick = by_rule = 0
    for row in connection.execute(LEDGER["all"]):
        entry = entry_from(row)
        if entry.action is not LedgerAction.ANSWERED:
            continue
        by_rule += entry.via == VIA
        answers += entry.via != VIA
        quick += entry.via != VIA and entry.shown_seconds is not None and entry.shown_seconds < QUICK
    pending = {Risk(row["risk"]): int(row["n"]) for row in connection.execute(RULES["pending_by_risk"]).fetchall()}
    offers = tuple(_offers(connection))[:OFFERS]
    return Attention(answers=answers, quick=quick, by_rule=by_rule, pending=pending, offers=offers)


def _offers(connection: sqlite3.Connection) -> Iterator[RuleOffer]:
    """A draft for every request whose last answers were all the same, and which no rule fits yet."""
    drafts = [pinned(row["draft"], row["pin"]) for row in connection.execute(RULES["in_force"]).fetchall()]
    for kind in (DecisionKind.PERMISSION, DecisionKind.EGRESS):
        streaks: dict[str, tuple[RuleEffect, int, DecisionRecord, str]] = {}
        for row in connection.execute(RULES["past"], {"kind": kind}).fetchall():
            held = decision_from(row)
            effect = _effect(held)
            if effect is None or held.rule is not None or held.risk is Risk.HIGH:
                continue
            if any(draft is not None and applies(draft, held, row["goal_title"], row["task_key"]) for draft in drafts):
                continue
            same = argument_text({"tool": held.evidence.get("tool"), "arguments": held.evidence.get("arguments")})
            before = streaks.get(same)
            times = before[1] + 1 if before is not None and before[0] is effect else 1
            streaks[same] = (effect, times, held, row["task_key"])
        for effect, times, held, _ in streaks.values():
            if times >= SAME:
                yield RuleOffer(draft=_draft(effect, held), times=times, question=held.question)


def _effect(held: DecisionRecord) -> RuleEffect | None:
    if held.answered_at is None or held.answer is None:
        return None
    refused = held.answer in (AnswerKind.REJECT, AnswerKind.CHANGES) or held.chosen == NEVER
    return RuleEffect.REJECT if refused else RuleEffect.APPROVE


def _draft(effect: RuleEffect, held: DecisionRecord) -> RuleDraft:
    """As narrow as can be: this tool with these very arguments, in any goal."""
    arguments = held.evidence.get("arguments")
    exact = {
        str(name): argument_text(value) for name, value in (arguments if isinstance(arguments, dict) else {}).items()
    }
    reason = held.feedback or "refused every time before" if effect is RuleEffect.REJECT else ""
    tool = str(held.evidence.get("tool", "*"))
    return RuleDraft(kind=held.kind, effect=effect, tool=tool, arguments=exact, reason=reason)
