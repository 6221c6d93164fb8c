"""A result is integrated once, by one answer, and nobody undoes what is being integrated (R73, R84)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from yard import Yard, write

from engine.api import Answer, DecisionView
from engine.dispatch.decisions import answers
from engine.errors import Conflict
from engine.model import AnswerKind, DecisionState, GoalState


class SlowGit:
    """Results are integrated when a test lets them be."""

    def __init__(self) -> None:
        self.times = 0
        self.reached, self.going = asyncio.Event(), asyncio.Event()
        self._join = answers.join

    async def join(self, *words: Any) -> answers.Joined:
        self.times += 1
        self.reached.set()
        await self.going.wait()
        return await self._join(*words)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowGit:
    git = SlowGit()
    monkeypatch.setattr(answers, "join", git.join)
    return git


async def in_review(yard: Yard) -> DecisionView:
    yard.driver.work = write
    goal = await yard.goal_of({"id": "work", "run": "exit 0", "requires_approval": True})
    await yard.waiting(goal)
    (decision,) = await yard.engine.decisions()
    return decision


def approve(decision: DecisionView, *, undoable: bool) -> Answer:
    return Answer(version=decision.version, answer=AnswerKind.APPROVE, undoable=undoable)


async def test_r73_the_clock_takes_up_no_answer_that_is_being_made_effective(yard: Yard, slow: SlowGit) -> None:
    decision = await in_review(yard)
    parts = yard.engine._parts
    answering = asyncio.create_task(yard.engine.answer(decision.id, approve(decision, undoable=False)))
    await slow.reached.wait()
    passing = asyncio.create_task(parts.answers.apply_due(parts.context.clock.now()))
    await asyncio.wait({passing}, timeout=0.2)
    slow.going.set()
    assert (await answering).state is DecisionState.ANSWERED
    await passing
    assert slow.times == 1
    assert (await yard.ended(decision.goal)).state is GoalState.DONE


async def test_r84_an_undo_comes_too_late_once_the_result_is_being_integrated(yard: Yard, slow: SlowGit) -> None:
    decision = await in_review(yard)
    parts = yard.engine._parts
    await yard.engine.answer(decision.id, approve(decision, undoable=True))
    passing = asyncio.create_task(parts.answers.apply_due(parts.context.clock.now() + timedelta(hours=1)))
    await slow.reached.wait()
    undoing = asyncio.create_task(yard.engine.undo(decision.id))
    await asyncio.wait({undoing}, timeout=0.2)
    slow.going.set()
    await passing
    with pytest.raises(Conflict, match="answered"):
        await undoing
    assert (await yard.ended(decision.goal)).state is GoalState.DONE
