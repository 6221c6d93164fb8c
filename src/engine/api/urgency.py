"""The order of the inbox, the same at every door: risk × time × the work that is held up (F75, F140)."""

from collections.abc import Iterable
from datetime import datetime

from engine.api.decisions import DecisionView
from engine.model import Risk

WEIGHT = {Risk.LOW: 1.0, Risk.NORMAL: 3.0, Risk.HIGH: 9.0}
HOUR = 3600.0
NEAREST = 60.0  # seconds: a deadline that is nearer, or has passed, presses no harder


def urgency(decision: DecisionView, now: datetime) -> float:
    """`risk × (1 + hours open + 1 / hours to its deadline) × (1 + tasks of the longest chain behind it)`.

    Risk counts 1, 3 or 9. More risk, more age, a nearer deadline or a longer chain never make it less.
    """
    age = max(0.0, (now - decision.opened_at).total_seconds())
    time = 1.0 + age / HOUR
    if decision.deadline is not None:
        time += HOUR / max(NEAREST, (decision.deadline - now).total_seconds())
    return WEIGHT[decision.risk] * time * (1 + decision.chain)


def is_put_off(decision: DecisionView) -> bool:
    """Whether it sleeps until a time or until news."""
    return decision.snoozed_for_news or decision.snoozed_until is not None


def most_urgent_first(decisions: Iterable[DecisionView], now: datetime) -> list[DecisionView]:
    """What was put off comes last; of two that are alike the older one comes first, then the smaller id."""
    return sorted(decisions, key=lambda d: (is_put_off(d), -urgency(d, now), -d.blocks, d.opened_at, d.id))
