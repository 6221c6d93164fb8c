"""The head of a card: the question, its risk beside it, and what its deadline does."""

from datetime import timedelta

import pytest
from rich.cells import cell_len

from engine.api import DecisionCard
from engine.model import OnDeadline, Risk
from tui.widgets.evidence import facts
from ui.frozen import NOON
from ui.pieces import D_SHIP, decision

WIDTH = 76


def head(question: str, **more: object) -> list[str]:
    card = DecisionCard(decision=decision(D_SHIP, question, **more), blocks=())
    return ["".join(text for text, _ in line) for line in facts(card, WIDTH, NOON)]


@pytest.mark.parametrize(
    "question",
    ["Ship it?", "word " * 40, "x" * 200, "世界" * 60, "é🧭" * 50],
    ids=lambda text: text[:4].encode("unicode_escape").decode(),
)
@pytest.mark.parametrize("risk", Risk)
def test_the_risk_stands_apart_at_the_right_edge_whatever_the_question_is(question: str, risk: Risk) -> None:
    first = head(question, risk=risk)[0]
    asked, said, _ = first.partition(f"risk: {risk}")
    assert said
    assert asked.endswith(" "), first
    assert cell_len(first) == WIDTH


def test_a_deadline_says_what_it_does() -> None:
    due = NOON + timedelta(minutes=19)
    for then in OnDeadline:
        assert f"· due in 19m, then {then}" in "\n".join(head("Ship it?", deadline=due, on_deadline=then))
    assert "· no deadline" in "\n".join(head("Ship it?"))
