"""An approval is bound to what was shown: change that, and what was said before is void (R82, F142); nothing ends what
is pending by age (R81)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asked import SetClock, answer, gate, view
from scripted import Bench
from yard import Yard

from engine.api import LedgerAction, Snooze, SweepOrder
from engine.dispatch.decisions.approving import ApprovalPolicy
from engine.dispatch.decisions.lifecycle import stage
from engine.errors import StaleVersion
from engine.model import AnswerKind, DecisionState
from engine.settings import DecisionSettings

Open = Callable[..., Awaitable[Bench]]


def change(folder: Path) -> None:
    """Each run adds a file of its own."""
    (folder / f"{folder.parent.name}-{folder.name}.txt").write_text("made\n")


async def at_the_gate(yard: Yard, **more: object) -> tuple[str, str]:
    """A goal whose gate is open while one more task still works: (goal, decision)."""
    yard.driver.work = change
    first = {"id": "first", "run": "exit 0"}
    ask = {"id": "ask", "gate": {"kind": "human_approval"} | more, "needs": ["first"]}
    goal = await yard.goal_of({"id": "all", "order": "parallel", "tasks": [first, ask, {"id": "late", "run": "hang"}]})
    await yard.until(goal, lambda _, states: states["ask"] == "waiting" and states["late"] == "running")
    [decision] = await yard.engine.decisions()
    return goal, decision.id


async def late_work_lands(yard: Yard, goal: str) -> None:
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["late"] == "done")


async def test_r82_changed_content_opens_it_anew_and_shows_what_changed_since(yard: Yard) -> None:
    goal, decision = await at_the_gate(yard)
    before = await yard.engine.decision(decision)
    assert before.since is None
    assert before.diff is not None
    assert len(before.diff.files) == 1
    await late_work_lands(yard, goal)
    after = await yard.engine.decision(decision)
    assert after.decision.version == before.decision.version + 1
    assert after.diff is not None
    assert len(after.diff.files) == 2
    assert after.since is not None
    assert [f.path for f in after.since.files] == [
        f.path for f in after.diff.files if f.path not in {g.path for g in before.diff.files}
    ]
    with pytest.raises(StaleVersion):
        await yard.engine.answer(decision, answer(before.decision, content=before.decision.content))
    with pytest.raises(StaleVersion):
        await yard.engine.answer(decision, answer(after.decision, content=before.decision.content))
    shown = answer(after.decision, content=after.decision.content)
    assert (await yard.engine.answer(decision, shown)).state is DecisionState.ANSWERED
    [row] = await yard.engine.history(decision=decision)
    assert row.shown == after.decision.content


async def test_r82_changed_content_is_news_to_what_was_put_off(yard: Yard) -> None:
    goal, decision = await at_the_gate(yard)
    await yard.engine.snooze(decision, Snooze(version=1, news=True))
    await late_work_lands(yard, goal)
    now = await view(yard, decision)
    assert (now.snoozed_for_news, now.version) == (False, 3)


CHOICE = ({"kind": "choice", "options": ["a", "b"]}, {"kind": AnswerKind.CHOOSE, "option": "a"})
FORM = ({"kind": "form", "fields": [{"name": "n"}]}, {"kind": AnswerKind.FILL, "fields": {"n": "x"}})


@pytest.mark.parametrize(("asks", "says"), [({}, {}), CHOICE, FORM])
async def test_r82_changed_content_takes_a_staged_answer_back(
    yard: Yard, asks: dict[str, object], says: dict[str, Any]
) -> None:
    goal, decision = await at_the_gate(yard, **asks)
    seen = await view(yard, decision)
    await yard.engine.answer(decision, answer(seen, content=seen.content, undoable=True, **says))
    await late_work_lands(yard, goal)
    now = await view(yard, decision)
    assert (now.state, now.answer) == (DecisionState.PENDING, None)
    assert now.content != seen.content
    assert (await yard.engine.decision(decision)).since is not None
    with pytest.raises(StaleVersion):
        await yard.engine.answer(decision, answer(now, content=seen.content, **says))
    [undone, staged] = await yard.engine.history(decision=decision)
    assert (undone.action, undone.note) == (LedgerAction.UNDONE, "what it asks about changed")
    assert staged.action is LedgerAction.STAGED


async def test_r82_changed_content_voids_the_first_of_two_approvals(yard: Yard) -> None:
    goal, decision = await at_the_gate(yard, risk="high")
    database, two = yard.engine._parts.context.database, ApprovalPolicy(second=True)
    seen = await view(yard, decision)
    await database.write(lambda tx: stage(tx, decision, answer(seen, content=seen.content), 0.0, two))
    assert (await view(yard, decision)).approved_by == "ann"
    await late_work_lands(yard, goal)
    now = await view(yard, decision)
    assert (now.approved_by, now.state) == (None, DecisionState.PENDING)


async def test_the_card_says_where_the_label_comes_from_and_where_it_leads(yard: Yard) -> None:
    gate_ = {"id": "ask", "gate": {"kind": "human_approval", "risk": "high"}}
    goal = await yard.goal_of(gate_, {"id": "merge", "merge": {"into": "main"}, "needs": ["ask"]})
    await yard.waiting(goal)
    [decision] = await yard.engine.decisions()
    assert (await view(yard, decision.id)).risk_reason == "the goal file says so; its goal merges into main"


async def test_r81_no_age_and_no_retention_ends_what_is_pending(opened: Open) -> None:
    quiet = DecisionSettings(remind_after=(), escalate_after=())
    bench = await opened()
    asked = await gate(bench)
    await bench.engine.close()
    later = await opened(clock=SetClock(timedelta(days=366)), decisions=quiet)
    await later.engine.gc(SweepOrder(logs_older_than=0))
    now = await view(later, asked.id)
    assert (now.state, now.version) == (DecisionState.PENDING, asked.version)
    await later.engine.answer(asked.id, answer(now))
    assert (await later.ended(asked.goal)).state == "done"
