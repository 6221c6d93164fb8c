"""The order of the inbox (F75, F140): every factor counts, in one direction, whatever order things come in."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.api import DecisionView
from engine.api.urgency import is_put_off, most_urgent_first, urgency
from engine.model import AnswerKind, DecisionKind, DecisionState, Risk

NOW = datetime(2026, 5, 4, 14, tzinfo=UTC)
RISKS = [Risk.LOW, Risk.NORMAL, Risk.HIGH]
spans = st.floats(-86400, 30 * 86400).map(lambda seconds: timedelta(seconds=seconds))


def decision(
    risk: Risk, age: timedelta, left: timedelta | None, chain: int, n: int = 0, **more: object
) -> DecisionView:
    fields = {
        "id": f"d-{n:010}", "version": 1, "kind": DecisionKind.APPROVAL, "state": DecisionState.PENDING, "goal": "g-1",
        "goal_title": "g", "task": "t-1", "task_key": "t", "question": "?", "options": (AnswerKind.APPROVE,),
        "risk": risk, "opened_at": NOW - age, "deadline": None if left is None else NOW + left, "blocks": chain,
        "chain": chain,
    }  # fmt: skip
    return DecisionView.model_validate(fields | more)


decisions = st.builds(
    decision, st.sampled_from(RISKS), spans, st.none() | spans, st.integers(0, 10_000), st.integers(0, 10**9)
)


@given(decisions)
def test_f140_more_risk_age_chain_or_a_nearer_deadline_never_makes_it_less_urgent(one: DecisionView) -> None:
    worse = [
        {"risk": RISKS[min(2, RISKS.index(one.risk) + 1)]},
        {"opened_at": one.opened_at - timedelta(hours=1)},
        {"chain": one.chain + 1},
        {"deadline": NOW + timedelta(hours=1) if one.deadline is None else one.deadline - timedelta(hours=1)},
    ]
    for change in worse:
        assert urgency(one.model_copy(update=change), NOW) >= urgency(one, NOW), change
    assert urgency(one.model_copy(update={"chain": one.chain + 1}), NOW) > urgency(one, NOW) > 0


@given(st.lists(decisions, max_size=12), st.integers())
def test_f75_the_order_is_that_of_urgency_and_does_not_depend_on_how_they_come(
    found: list[DecisionView], seed: int
) -> None:
    named = [one.model_copy(update={"id": f"d-{n:010}"}) for n, one in enumerate(found)]
    asleep = [one.model_copy(update={"snoozed_for_news": n % 3 == 0}) for n, one in enumerate(named)]
    ordered = most_urgent_first(asleep, NOW)
    mixed = Random(seed).sample(asleep, len(asleep))
    assert most_urgent_first(mixed, NOW) == ordered
    for first, second in pairwise(ordered):
        assert (is_put_off(first), -urgency(first, NOW)) <= (is_put_off(second), -urgency(second, NOW))


def test_f140_the_factors_weigh_as_the_docs_say() -> None:
    hour, none = timedelta(hours=1), timedelta()
    high = decision(Risk.HIGH, none, None, 0, 1)
    holds_up = decision(Risk.NORMAL, none, None, 5, 2)
    low_for_ten_hours = decision(Risk.LOW, 10 * hour, None, 0, 3)
    due_soon = decision(Risk.LOW, none, timedelta(minutes=2), 0, 4)
    overdue = decision(Risk.LOW, none, -hour, 0, 5)
    plain = decision(Risk.LOW, none, None, 0, 6)
    ordered = most_urgent_first([plain, high, holds_up, low_for_ten_hours, due_soon, overdue], NOW)
    assert ordered == [overdue, due_soon, holds_up, low_for_ten_hours, high, plain]
