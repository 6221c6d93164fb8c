"""Rounds of rework and verdicts on the screen: the row, the task, the card; foreign text of a judge steers nothing."""

import pytest

from engine.api import Asked, Judging, VerdictView, Why
from engine.model import Check, Finding, OnReject, TaskState, VerdictKind
from tui.cli.draw import card_lines
from tui.widgets.goal_rows import node_facts
from ui.frozen import NOON, FrozenEngine, before
from ui.hostile import ALL
from ui.pieces import D_SHIP, SHIP, node, task
from ui.scenes import shop
from ui.steering import WIDE, at_the_keys
from ui.test_ui_deciding import open_queue
from ui.test_ui_goals import laid_out
from ui.test_ui_hostile import harmless

REVIEW = "t-review0000"


def verdict(text: str = "say it louder", *, passed: bool = False) -> VerdictView:
    return VerdictView(
        run="r-review0000", n=2, task=REVIEW, task_key="review" if text.isascii() else text, kind=VerdictKind.REVIEW,
        passed=passed, outcome="approved" if passed else "asks for changes", summary=text, feedback=f"{text}\n{text}",
        findings=(Finding(file=text, line=3, severity=text, text=text),),
        checks=(Check(name=text or "lint", passed=False, output=text),), at=before(minutes=1),
    )  # fmt: skip


def judged(text: str = "say it louder") -> FrozenEngine:
    """The shop with a judge at its second round, and what it says on the card of the gate after it."""
    engine = shop()
    tree = engine.trees[SHIP]
    review = node(REVIEW, "review", TaskState.DONE, runs=2, rounds=1, max_rounds=3, verdict="asks for changes")
    engine.trees[SHIP] = tree.model_copy(update={"children": (review, *tree.children)})
    asked = (Asked(text=text, at=before(minutes=3), run="r-x", task_key=text or "other"),)
    no = OnReject(rework="write")
    judging = Judging(kind=VerdictKind.REVIEW, on_reject=no, rounds=1, verdicts=(verdict(text),), asked=asked)
    engine.tasks[REVIEW] = task(REVIEW, "review", TaskState.DONE, started_at=before(minutes=2), judging=judging)
    engine.whys[REVIEW] = Why(id=REVIEW, key="review", state="done", summary="review is done", reasons=())
    card = engine.cards[D_SHIP]
    engine.cards[D_SHIP] = card.model_copy(update={"verdicts": (verdict(text), verdict("fine", passed=True))})
    return engine


async def test_f89_a_row_shows_the_rounds_and_what_was_said() -> None:
    async with at_the_keys(judged(), WIDE) as seat:
        await laid_out(seat)
        await seat.shows("#2  ↻1/3")
        assert "asks for changes" in seat.text


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.REVIEW, TaskState.RUNNING, TaskState.FAILED])
def test_f89_rounds_stand_in_every_state_that_comes_with_them(state: TaskState) -> None:
    row = node(REVIEW, "review", state, runs=2, rounds=2, max_rounds=3, decision="d-x")
    assert "↻2/3" in "".join(text for text, _ in node_facts(row, NOON))


async def test_a_task_shows_its_rounds_its_verdict_and_what_it_was_asked_for() -> None:
    async with at_the_keys(judged(), WIDE) as seat:
        await laid_out(seat)
        await seat.press("j")
        await seat.shows("sends write back, at most 3 rounds, then", "ask · 1 so far", "review #2 asks for changes")
        await seat.shows("say it louder:3 say it louder", "asked for ")


async def test_f78_a_card_shows_what_the_judges_said() -> None:
    async with at_the_keys(judged(), WIDE) as seat:
        await open_queue(seat)
        await seat.shows("review #2 asks for changes · say it louder", "review #2 approved · fine", "louder failed")


@pytest.mark.parametrize("text", [ALL, "", "x" * 5_000], ids=["all", "empty", "long"])
async def test_r45_r46_what_a_judge_says_is_text(text: str) -> None:
    async with at_the_keys(judged(text), WIDE) as seat:
        await laid_out(seat)
        await seat.press("j")
        await seat.shows("sends write back")
        harmless(seat)
        await open_queue(seat)
        harmless(seat)


def test_f78_the_card_of_the_command_line_has_them_too_neutral() -> None:
    lines = list(card_lines(judged("say it\x1b[31m louder").cards[D_SHIP]))
    text = "\n".join(lines)
    assert "review #2 asks for changes: say it" in text
    assert "\x1b[31m louder" not in text
    assert text.count("louder failed") == 1
