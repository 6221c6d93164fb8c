"""What a decision asks about: shown as a diff, and an approval fits only the content that was shown (R82)."""

from pathlib import Path

import pytest
from yard import Yard

from engine.api import Answer
from engine.errors import Invalid, StaleVersion
from engine.model import AnswerKind, DecisionState

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")

GATE = {"kind": "human_approval", "question": "Ship it?"}


async def open_gate(yard: Yard, *more: dict[str, object]) -> str:
    """A goal whose `write` changed a file and whose `ship` asks about that."""
    yard.driver.work = lambda folder: (folder / "new.txt").write_text("made\n") and None
    goal = await yard.goal_of({"id": "write", "run": "exit 0"}, *more, {"id": "ship", "gate": GATE})
    await yard.until(goal, lambda _, states: states["ship"] == "waiting")
    return goal


async def test_the_change_behind_a_decision_is_named_by_the_decision_and_by_its_gate(yard: Yard) -> None:
    goal = await open_gate(yard)
    (asked,) = await yard.engine.decisions()
    whole = await yard.engine.diff(goal)
    assert "+made" in whole.text
    assert await yard.engine.diff(asked.id) == whole == await yard.engine.diff(f"{goal}/ship")


async def test_a_decision_without_a_change_says_so(yard: Yard) -> None:
    goal = await yard.goal_of({"id": "stuck", "run": "refuse"})
    await yard.until(goal, lambda _, states: states["stuck"] == "blocked")
    (asked,) = await yard.engine.decisions()
    with pytest.raises(Invalid, match="asks about no change"):
        await yard.engine.diff(asked.id)


async def test_r82_an_approval_of_other_content_than_was_shown_is_refused(yard: Yard) -> None:
    await open_gate(yard)
    (asked,) = await yard.engine.decisions()
    assert asked.content is not None
    other = Answer(version=asked.version, answer=AnswerKind.APPROVE, content="0" * 40)
    with pytest.raises(StaleVersion, match="the answer was given to 0000"):
        await yard.engine.answer(asked.id, other)
    (after,) = await yard.engine.decisions()
    assert (after.version, after.state) == (asked.version, DecisionState.PENDING)
    shown = Answer(version=asked.version, answer=AnswerKind.APPROVE, content=asked.content)
    assert (await yard.engine.answer(asked.id, shown)).state is DecisionState.ANSWERED


async def test_r82_content_that_changes_under_an_open_card_makes_its_version_stale(yard: Yard, tmp_path: Path) -> None:
    """A task beside the gate changes the goal's branch after the card was read."""
    yard.driver.work = lambda folder: (folder / f"{folder.name}.txt").write_text("made\n") and None
    group = {"id": "all", "order": "parallel", "tasks": [{"id": "slow", "run": "hang"}, {"id": "ship", "gate": GATE}]}
    goal = await yard.goal_of({"id": "write", "run": "exit 0"}, group)
    await yard.until(goal, lambda _, states: (states["ship"], states["slow"]) == ("waiting", "running"))
    (card,) = await yard.engine.decisions()
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["slow"] == "done")
    with pytest.raises(StaleVersion):
        await yard.engine.answer(card.id, Answer(version=card.version, answer=AnswerKind.APPROVE, content=card.content))
    (fresh,) = await yard.engine.decisions()
    assert fresh.version > card.version
    assert fresh.content != card.content
