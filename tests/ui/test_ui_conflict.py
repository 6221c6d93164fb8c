"""A conflict shows its files and both sides, and its answers are options like any others (F94)."""

import pytest

from engine.api import DecisionCard, Diff, DiffFile
from engine.model import AnswerKind, DecisionKind
from tui.cli.draw import card_lines
from ui.asking_scenes import CHOOSE, only
from ui.scenes import decision
from ui.steering import WIDE, at_the_keys
from ui.test_ui_asked import open_card
from ui.test_ui_deciding import answers

D_CLASH = "d-co01xyzabc"


def side(commit: str, text: str) -> Diff:
    head = "diff --git a/cart.py b/cart.py\n--- a/cart.py\n+++ b/cart.py\n@@ -1 +1 @@\n-one\n"
    return Diff(
        base="a" * 40, commit=commit * 40, files=(DiffFile(path="cart.py", added=1, removed=1),), text=head + text
    )


def conflict() -> DecisionCard:
    evidence: dict[str, object] = {
        "files": ["cart.py: both sides changed the same lines"], "paths": ["cart.py"], "base": "a" * 40,
        "commit": "b" * 40, "tip": "c" * 40, "run": "r-build00000", "kept_in": "pilothouse/salvage/r-build00000",
    }  # fmt: skip
    view = decision(
        D_CLASH, "Its change conflicts. Again, or without?", kind=DecisionKind.CONFLICT, content=None,
        options=(CHOOSE, AnswerKind.REJECT), choices=("again", "without"), evidence=evidence,
    )  # fmt: skip
    return DecisionCard(decision=view, blocks=(), diff=side("b", "+mine\n"), against=side("c", "+theirs\n"))


async def test_f94_both_sides_are_painted_and_a_number_and_a_answer() -> None:
    engine = only(conflict())
    async with at_the_keys(engine, size=WIDE) as seat:
        await open_card(seat)
        await seat.shows(
            "cart.py: both sides changed the same lines", "mine", "what the goal's branch changed", "theirs"
        )
        await seat.press("1")
        await seat.shows("● 1 again")
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: answers(engine))
    [(ref, answer)] = answers(engine)
    assert (ref, answer.answer, answer.option) == (D_CLASH, CHOOSE, "again")


def merge_conflict() -> DecisionCard:
    """The same about a merge: the other side is the operator's branch."""
    card = conflict()
    evidence = {name: value for name, value in card.decision.evidence.items() if name != "kept_in"}
    evidence |= {"into": "release", "by_hand": "git pull --no-rebase /shop/g-1.git pilothouse/g-1"}
    return card.model_copy(update={"decision": card.decision.model_copy(update={"evidence": evidence})})


async def test_f94_a_merge_that_does_not_fit_names_the_operators_branch_and_the_way_by_hand() -> None:
    async with at_the_keys(only(merge_conflict()), size=WIDE) as seat:
        await open_card(seat)
        await seat.shows("what release changed there meanwhile", "git pull --no-rebase /shop/g-1.git pilothouse/g-1")
    printed = list(card_lines(merge_conflict()))
    assert "  git pull --no-rebase /shop/g-1.git pilothouse/g-1" in printed
    assert any(line.startswith("release meanwhile ") for line in printed)
    assert not any("kept in the branch" in line for line in printed)


@pytest.mark.parametrize(
    "wanted", ["! cart.py: both sides changed", "pilothouse/salvage/r-build00000", "+mine", "+theirs"]
)
def test_f94_the_command_line_shows_them_too(wanted: str) -> None:
    assert any(wanted in line for line in card_lines(conflict()))
