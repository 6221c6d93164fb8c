"""A merge that does not fit the operator's branch asks a human, and touches nothing of the operator's (F94, R82)."""

from datetime import timedelta
from pathlib import Path

import pytest
from yard import Yard, git

from engine.api import Answer, DecisionCard, TaskView
from engine.errors import StaleVersion
from engine.model import AnswerKind, DecisionKind, DecisionState, ExitCause, TaskState

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")
LAND: dict[str, object] = {"id": "land", "merge": {"into": "main"}}
AFTER: dict[str, object] = {"id": "after", "run": "exit 0", "needs": ["land"]}


def ours(folder: Path) -> None:
    (folder / "a.txt").write_text("of the goal\n")


def theirs(yard: Yard, text: str = "of the operator\n") -> str:
    """The operator commits another text of the same file on main; returns the commit."""
    (operator(yard) / "a.txt").write_text(text)
    git(operator(yard), "commit", "--quiet", "--all", "-m", "meanwhile")
    return git(operator(yard), "rev-parse", "HEAD")


def operator(yard: Yard) -> Path:
    return yard.project / "operator"


def touched(yard: Yard) -> dict[str, str]:
    """All of the operator's that a merge could touch."""
    place = operator(yard)
    return {
        "refs": git(place, "for-each-ref"), "head": git(place, "rev-parse", "HEAD"),
        "status": git(place, "status", "--porcelain"), "text": (place / "a.txt").read_text(),
        "under way": " ".join(sorted(path.name for path in (place / ".git").glob("*_HEAD"))),
    }  # fmt: skip


async def working(yard: Yard) -> str:
    """A goal whose work is under way; its merge comes next."""
    yard.driver.work = ours
    goal = await yard.goal_of({"id": "work", "run": "hang"}, LAND, AFTER)
    await yard.until(goal, lambda _, states: states["work"] == "running")
    return goal


async def clashed(yard: Yard) -> tuple[str, DecisionCard]:
    """The operator was faster: the card of the merge that did not fit."""
    goal = await working(yard)
    theirs(yard)
    before = touched(yard)
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["land"] == "blocked")
    assert touched(yard) == before
    card = await card_of(yard)
    assert card.decision.kind is DecisionKind.CONFLICT
    return goal, card


async def card_of(yard: Yard) -> DecisionCard:
    (decision,) = await yard.engine.decisions()
    return await yard.engine.decision(decision.id)


async def choose(yard: Yard, card: DecisionCard, option: str, *, undoable: bool = False) -> None:
    values = {"version": card.decision.version, "answer": AnswerKind.CHOOSE, "option": option, "by": "ada"}
    await yard.engine.answer(card.decision.id, Answer.model_validate(values | {"undoable": undoable}))


async def landing(yard: Yard, goal: str) -> TaskView:
    return await yard.engine.task(f"{goal}/land")


async def test_f94_a_merge_that_does_not_fit_shows_files_both_sides_and_how_to_merge_by_hand(yard: Yard) -> None:
    goal, card = await clashed(yard)
    decision = card.decision
    assert (decision.choices, decision.options) == (("again", "without"), (AnswerKind.CHOOSE, AnswerKind.REJECT))
    assert "the goal's branch conflicts with main in a.txt" in decision.question
    assert decision.evidence["files"] == ["a.txt: both sides changed the same lines"]
    assert decision.evidence["tip"] == git(operator(yard), "rev-parse", "main")
    assert decision.evidence["commit"] == yard.git(goal, "rev-parse", yard.git(goal, "symbolic-ref", "HEAD"))
    assert card.diff is not None
    assert card.against is not None
    assert "+of the goal" in card.diff.text
    assert "+of the operator" in card.against.text
    task = await landing(yard, goal)
    assert [run.cause for run in task.runs] == [ExitCause.EXIT]
    assert any("conflicts with main in a.txt" in reason for reason in (await yard.engine.why(task.id)).reasons)
    assert (await yard.states(goal))["after"] == "pending", "what comes after waits for the answer"


async def test_f94_merged_by_hand_as_it_says_again_finds_it_there(yard: Yard) -> None:
    goal, card = await clashed(yard)
    command = str(card.decision.evidence["by_hand"])
    assert command.startswith("git pull --no-rebase ")
    with pytest.raises(Exception, match="non-zero exit status"):
        git(operator(yard), *command.split()[1:])
    (operator(yard) / "a.txt").write_text("of both\n")
    git(operator(yard), "commit", "--quiet", "--all", "-m", "by hand")
    merged = git(operator(yard), "rev-parse", "main")
    await choose(yard, card, "again")
    await yard.ended(goal)
    assert (await yard.states(goal)) == {"work": "done", "land": "done", "after": "done"}
    assert git(operator(yard), "rev-parse", "main") == merged
    assert (await landing(yard, goal)).runs[-1].commit == merged


async def test_f94_again_on_a_branch_that_is_as_it_was_asks_again_and_spends_no_retry(yard: Yard) -> None:
    goal, card = await clashed(yard)
    before = touched(yard)
    await yard.engine.retry(f"{goal}/land", by="ada")
    await yard.until(goal, lambda _, states: states["land"] == "blocked")
    again = await card_of(yard)
    assert again.decision.id != card.decision.id
    assert again.decision.evidence["files"] == card.decision.evidence["files"]
    assert (await yard.engine.decision(card.decision.id)).decision.chosen == "again"
    assert touched(yard) == before


async def test_f94_without_goes_on_and_the_branch_stays_as_it_is(yard: Yard) -> None:
    goal, card = await clashed(yard)
    before = touched(yard)
    await choose(yard, card, "without")
    await yard.ended(goal)
    task = await landing(yard, goal)
    assert (task.state, task.cause) == (TaskState.SKIPPED, "ada goes on without the merge: main stays as it is")
    assert (await yard.states(goal))["after"] == "done"
    assert touched(yard) == before


async def test_f94_a_reject_gives_the_merge_up(yard: Yard) -> None:
    goal, card = await clashed(yard)
    refusal = Answer(version=card.decision.version, answer=AnswerKind.REJECT, feedback="not wanted")
    await yard.engine.answer(card.decision.id, refusal)
    await yard.until(goal, lambda _, states: states["land"] == "failed")
    assert (await landing(yard, goal)).cause == "given up: not wanted"


@pytest.mark.parametrize("text", ["moved on\n", "of the goal\n"])
async def test_r82_an_answer_that_rests_on_a_branch_that_has_moved_is_refused_and_asked_anew(
    yard: Yard, text: str
) -> None:
    goal, card = await clashed(yard)
    moved = theirs(yard, text)
    with pytest.raises(StaleVersion, match="moved since"):
        await choose(yard, card, "without")
    fresh = await card_of(yard)
    assert (fresh.decision.id, fresh.decision.version) == (card.decision.id, card.decision.version + 1)
    assert fresh.decision.evidence["tip"] == moved
    fits = text == "of the goal\n"
    assert fresh.decision.evidence["files"] == ([] if fits else card.decision.evidence["files"])
    assert ("fits main" if fits else "conflicts with main") in fresh.decision.question
    assert (fresh.against is None) is fits
    await choose(yard, fresh, "without")
    await yard.ended(goal)
    assert (await landing(yard, goal)).state is TaskState.SKIPPED
    assert git(operator(yard), "rev-parse", "main") == moved


async def test_r82_r84_a_branch_that_moves_inside_the_undo_window_takes_the_answer_back(yard: Yard) -> None:
    goal, card = await clashed(yard)
    await choose(yard, card, "without", undoable=True)
    assert (await card_of(yard)).decision.state is DecisionState.STAGED
    moved = theirs(yard, "moved on\n")
    parts = yard.engine._parts
    await parts.answers.apply_due(parts.context.clock.now() + timedelta(hours=1))
    held = (await card_of(yard)).decision
    assert (held.id, held.state, held.evidence["tip"]) == (card.decision.id, DecisionState.PENDING, moved)
    assert (await landing(yard, goal)).state is TaskState.BLOCKED


async def test_f94_r30_uncommitted_changes_in_the_way_are_named_and_kept(yard: Yard) -> None:
    goal = await working(yard)
    (operator(yard) / "a.txt").write_text("not committed\n")
    before = touched(yard)
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["land"] == "blocked")
    (decision,) = await yard.engine.decisions()
    assert decision.kind is DecisionKind.SPAWN_FAILURE
    assert f"{operator(yard)} has changes that are not committed: a.txt" in decision.question
    assert touched(yard) == before
