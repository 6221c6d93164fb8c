"""A change that does not fit the goal's branch asks a human, with both sides to see, and is lost by no answer (F94)."""

import json
from pathlib import Path
from typing import Any

import pytest
from yard import Yard

from engine.api import Answer, DecisionCard
from engine.errors import Invalid
from engine.model import AnswerKind, DecisionKind, TaskState

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


class Sides:
    """What the runs do to their work folders: `left`, `right`, and `right` again; None deletes."""

    def __init__(self, *changes: dict[str, str | None]) -> None:
        self._changes = dict(zip(["left 1", "right 1", "right 2"], changes, strict=False))

    def __call__(self, folder: Path) -> None:
        inputs = inputs_of(folder)
        for name, text in self._changes.get(f"{inputs['task']['key']} {inputs['run']['n']}", {}).items():
            if text is None:
                (folder / name).unlink()
            else:
                (folder / name).write_text(text)


def inputs_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder.with_name(folder.name + ".io") / "inputs.json").read_text())
    return found


async def clashed(yard: Yard, *changes: dict[str, str | None], **right: object) -> tuple[str, DecisionCard]:
    """A goal whose two parallel tasks change the same; the card of the second one, and a task after both waits."""
    yard.driver.work = Sides(*changes)
    both: list[dict[str, object]] = [
        {"id": "left", "run": "hang left"},
        {"id": "right", "run": "hang right", **right},
    ]
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": both}
    goal = await yard.goal_of(group, {"id": "after", "run": "exit 0"})
    await yard.until(goal, lambda _, states: states["left"] == states["right"] == "running")
    yard.driver.finish("hang left")
    await yard.until(goal, lambda _, states: states["left"] == "done")
    yard.driver.finish("hang right")
    await yard.until(goal, lambda _, states: states["right"] in ("blocked", "review"))
    (decision,) = await yard.engine.decisions()
    return goal, await yard.engine.decision(decision.id)


async def choose(yard: Yard, card: DecisionCard, option: str, feedback: str = "") -> None:
    values = {"version": card.decision.version, "answer": AnswerKind.CHOOSE, "option": option, "feedback": feedback}
    await yard.engine.answer(card.decision.id, Answer.model_validate(values))


@pytest.mark.parametrize(
    ("left", "right", "how"),
    [
        ({"a.txt": "left\n"}, {"a.txt": "right\n"}, "a.txt: both sides changed the same lines"),
        ({"a.txt": None}, {"a.txt": "right\n"}, "a.txt: one side changed it, the other deleted it"),
        ({"n.txt": "left\n"}, {"n.txt": "right\n", "b": "mine"}, "n.txt: both sides changed the same lines"),
    ],
)
async def test_f94_the_question_shows_the_files_and_what_both_sides_did_to_them(
    yard: Yard, left: dict[str, str | None], right: dict[str, str | None], how: str
) -> None:
    goal, card = await clashed(yard, left, right)
    decision = card.decision
    assert decision.kind is DecisionKind.CONFLICT
    assert decision.evidence["files"] == [how]
    assert decision.choices == ("again", "without")
    assert decision.options == (AnswerKind.CHOOSE, AnswerKind.REJECT)
    assert card.diff is not None
    assert card.against is not None
    assert [file.path for file in card.diff.files] == [file.path for file in card.against.files] == [how.split(":")[0]]
    assert "+right" in card.diff.text
    assert ("+left" in card.against.text) or ("-one" in card.against.text)
    assert yard.git(goal, "rev-parse", str(decision.evidence["kept_in"])) == decision.evidence["commit"]
    assert (await yard.states(goal))["after"] == "pending", "what comes after waits for the answer"


async def test_f94_again_runs_on_the_newer_branch_with_the_words_and_the_earlier_change(yard: Yard) -> None:
    goal, card = await clashed(yard, {"a.txt": "left\n"}, {"a.txt": "right\n"}, {"a.txt": "left\nright\n"})
    await choose(yard, card, "again", feedback="keep both lines")
    await yard.until(goal, lambda _, states: states["right"] == "running")
    run = (await yard.engine.task(f"{goal}/right")).runs[-1]
    inputs = inputs_of(yard.folder(run.id))
    (told,) = inputs["feedback"]
    assert "a.txt: both sides changed the same lines" in told["text"]
    assert told["text"].endswith("keep both lines")
    assert "+right" in Path(inputs["earlier_change"]).read_text()  # noqa: ASYNC240
    yard.driver.finish("hang right")
    await yard.ended(goal)
    assert (await yard.states(goal)) == {"all": "done", "left": "done", "right": "done", "after": "done"}
    branch = yard.git(goal, "symbolic-ref", "HEAD")
    assert yard.git(goal, "show", f"{branch}:a.txt") == "left\nright"


async def test_f94_without_goes_on_and_the_change_stays_in_its_own_branch(yard: Yard) -> None:
    goal, card = await clashed(yard, {"a.txt": "left\n"}, {"a.txt": "right\n"})
    await choose(yard, card, "without")
    await yard.ended(goal)
    task = await yard.engine.task(f"{goal}/right")
    assert task.state is TaskState.SKIPPED
    assert task.cause is not None
    assert str(card.decision.evidence["kept_in"]) in task.cause
    assert yard.git(goal, "show", f"{card.decision.evidence['kept_in']}:a.txt") == "right"
    assert (await yard.states(goal))["after"] == "done"


async def test_f94_a_reject_fails_the_task_and_no_other_answer_is_taken(yard: Yard) -> None:
    goal, card = await clashed(yard, {"a.txt": "left\n"}, {"a.txt": "right\n"})
    version = card.decision.version
    with pytest.raises(Invalid, match="takes choose, reject"):
        await yard.engine.answer(card.decision.id, Answer(version=version, answer=AnswerKind.APPROVE))
    with pytest.raises(Invalid, match="takes one of again, without"):
        await choose(yard, card, "theirs")
    refusal = Answer(version=version, answer=AnswerKind.REJECT, feedback="not worth it")
    await yard.engine.answer(card.decision.id, refusal)
    await yard.until(goal, lambda _, states: states["right"] == "failed")
    assert (await yard.engine.task(f"{goal}/right")).cause == "given up: not worth it"


async def test_f94_a_retry_is_the_answer_again(yard: Yard) -> None:
    goal, card = await clashed(yard, {"a.txt": "left\n"}, {"a.txt": "right\n"}, {"b.txt": "elsewhere\n"})
    await yard.engine.retry(f"{goal}/right", by="ada")
    await yard.until(goal, lambda _, states: states["right"] == "running")
    yard.driver.finish("hang right")
    await yard.ended(goal)
    answered = (await yard.engine.decision(card.decision.id)).decision
    assert (answered.state, answered.chosen, answered.by, answered.via) == ("answered", "again", "ada", "retry")
    assert (await yard.states(goal))["right"] == "done"


async def test_f94_an_approved_result_that_no_longer_fits_asks_and_does_not_fail(yard: Yard) -> None:
    changes = ({"a.txt": "left\n"}, {"a.txt": "right\n"}, {"b.txt": "elsewhere\n"})
    goal, card = await clashed(yard, *changes, requires_approval=True)
    review = card.decision
    assert review.kind is DecisionKind.REVIEW
    await yard.engine.answer(review.id, Answer(version=review.version, answer=AnswerKind.APPROVE))
    await yard.until(goal, lambda _, states: states["right"] == "blocked")
    (decision,) = await yard.engine.decisions()
    assert decision.kind is DecisionKind.CONFLICT
    (run,) = (await yard.engine.task(f"{goal}/right")).runs
    assert run.salvage == decision.evidence["kept_in"]
    assert yard.git(goal, "show", f"{run.salvage}:a.txt") == "right"
    await choose(yard, await yard.engine.decision(decision.id), "without")
    await yard.ended(goal)
    assert (await yard.states(goal))["after"] == "done"
