"""Rules answer what they fit, in the transaction that asks; never a gate of a goal file, never a high risk (R83)."""

import logging
from collections.abc import Mapping
from datetime import datetime

from engine.api import Answer, RuleDraft, RuleEffect
from engine.api.asking import NEVER, ONCE
from engine.api.deciding import RULED
from engine.api.ledger import digest
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import get, stage
from engine.dispatch.decisions.patterns import fits, fits_argument
from engine.dispatch.decisions.risk import argument_text
from engine.dispatch.steps import GOALS, TASKS
from engine.errors import Conflict
from engine.model import AnswerKind, DecisionKind, DecisionRecord, Risk
from engine.store import Tx, named_queries

RULES, DECIDING = named_queries("rules"), named_queries("deciding")
VIA = "rule"
log = logging.getLogger(__name__)


def answer_by_rule(tx: Tx, decision: str, *, at_once: bool) -> bool:
    """Answer a decision that was just opened, when a rule in force fits it; whether one did.

    `at_once`: with its effect; else it is staged and takes effect as every staged answer does.
    """
    held = get(tx, decision)
    goal, task = tx.one(GOALS["get"], {"id": held.goal}), tx.one(TASKS["get"], {"id": held.task})
    assert goal is not None
    assert task is not None
    for row in tx.all(RULES["in_force"]):
        draft = pinned(row["draft"], row["pin"])
        if draft is None or not in_force(draft, row["uses"], tx.now):
            continue
        if applies(draft, held, str(goal["title"]), str(task["key"])):
            return _use(tx, row["id"], draft, held, at_once=at_once)
    return False


def _use(tx: Tx, rule: str, draft: RuleDraft, held: DecisionRecord, *, at_once: bool) -> bool:
    try:
        stage(tx, held.id, answer_of_rule(rule, draft, held), 0.0)
    except Conflict as error:  # an open question holds it back: a human is asked
        log.info("rule %s does not answer %s: %s", rule, held.id, error.message)
        return False
    tx.run(DECIDING["set_rule"], {"id": held.id, "rule": rule})
    tx.run(RULES["use"], {"id": rule, "at": tx.at})
    if at_once:
        confirm(tx, held.id)
    return True


def answer_of_rule(rule: str, draft: RuleDraft, held: DecisionRecord) -> Answer:
    """What a rule says: by its own name, so that no record shows a person (R85)."""
    approves = draft.effect is RuleEffect.APPROVE
    values: dict[str, object] = {"answer": AnswerKind.APPROVE if approves else AnswerKind.REJECT}
    if held.kind is DecisionKind.EGRESS:
        values = {"answer": AnswerKind.CHOOSE, "option": ONCE if approves else NEVER}
    by = {"version": held.version, "by": f"rule {rule}", "via": VIA, "feedback": draft.reason}
    return Answer.model_validate({**values, **by})


def pinned(text: str, pin: str) -> RuleDraft | None:
    """The draft of a stored rule; None when it is not what was rehearsed."""
    draft = RuleDraft.model_validate_json(text)
    if pin_of(draft) != pin:
        log.warning("a rule is not applied: its stored text is not what was rehearsed")
        return None
    return draft


def pin_of(draft: RuleDraft) -> str:
    return digest(draft.model_dump(mode="json"))


def in_force(draft: RuleDraft, uses: int, now: datetime) -> bool:
    """Whether it has neither expired nor been used up."""
    return (draft.expires is None or now < draft.expires) and (draft.max_uses is None or uses < draft.max_uses)


def applies(draft: RuleDraft, decision: DecisionRecord, goal: str, key: str) -> bool:
    """Whether a draft fits a decision of a goal with this title and a task with this key."""
    if decision.kind is not draft.kind or decision.kind not in RULED or decision.risk is Risk.HIGH:
        return False
    if not (fits(draft.goal, goal) and fits(draft.task, key)):
        return False
    if decision.kind is DecisionKind.REVIEW:
        return draft.tool == "*" and not draft.arguments
    tool, arguments = decision.evidence.get("tool", ""), decision.evidence.get("arguments", {})
    if not isinstance(arguments, Mapping) or not fits(draft.tool, str(tool)):
        return False
    if draft.effect is RuleEffect.APPROVE and not arguments.keys() <= draft.arguments.keys():
        return False  # an argument the rule does not know could mean anything
    return all(
        name in arguments and fits_argument(pattern, argument_text(arguments[name]))
        for name, pattern in draft.arguments.items()
    )
