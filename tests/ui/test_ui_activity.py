"""What a run does, in one word and its age, and whose sandbox it has, on the screen of sandboxes; what a goal's page
says of its budget and its pinned sandbox."""

import pytest

from engine.api import ActivitySign, BudgetView, Pinned
from engine.events import EventType
from engine.model import Activity, BudgetKind, BudgetState, RunState
from tui.widgets.overviews import goal_lines
from tui.widgets.sandbox_list import columns
from ui.frozen import NOON
from ui.scenes import shop
from ui.steering import NARROW, WIDE, at_the_keys

SIGNS = (ActivitySign(source="output", words="last output", age=370.0),)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_run_that_is_quiet_says_so_with_its_age(size: tuple[int, int]) -> None:
    engine = shop()
    async with at_the_keys(engine, size) as seat:
        await seat.press("5")
        await seat.shows("running")
        quiet = {"activity": Activity.QUIET, "activity_age": 370.0, "activity_evidence": SIGNS, "stalled": True}
        engine.boxes[0] = engine.boxes[0].model_copy(update=quiet)
        engine.push(EventType.AGENT_STALLED, goal=engine.boxes[0].goal)
        await seat.shows("quiet 6m")
        lines = seat.text.splitlines()
        [heading] = [line for line in lines if "network" in line and "state" in line]
        [row] = [line for line in lines if "quiet 6m" in line]
        assert abs(heading.index("state") - row.index("quiet 6m")) <= 1, "it stands under its heading"
        working = {"activity": Activity.WORKING, "activity_age": 1.0, "stalled": False}
        engine.boxes[0] = engine.boxes[0].model_copy(update=working)
        engine.push(EventType.SANDBOX_THAWED, goal=engine.boxes[0].goal)
        await seat.shows("running")


def test_the_heading_is_as_wide_as_its_rows() -> None:
    for width in (80, 140):
        (plain, _), (wide, _) = columns(width)[0], columns(width, 16)[0]
        assert wide.index("driver") == plain.index("driver")
        assert len(wide) == len(plain)


def test_a_goal_shows_what_it_has_used_of_its_budget() -> None:
    engine = shop()
    words = "cost: 4.10 US$ of 5.00 US$ used (82 %)"
    spent = BudgetView(kind=BudgetKind.COST_USD, used=4.1, limit=5, state=BudgetState.WARNED, words=words)
    goal = next(iter(engine.goals.values())).model_copy(update={"budget": (spent,)})
    text = ["".join(piece for piece, _ in line) for line in goal_lines(goal, 78, NOON)]
    assert f"budget    {words}" in text


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_r31_the_task_that_occupies_a_pinned_sandbox_is_named(size: tuple[int, int]) -> None:
    engine = shop()
    box = engine.boxes[0] = engine.boxes[0].model_copy(update={"pin": "root"})
    async with at_the_keys(engine, size) as seat:
        await seat.press("5")
        await seat.shows(f"{box.task_key} (pinned)")
    pinned = Pinned(
        pin="root", task=box.task, task_key=box.task_key, run=box.run, n=1, sandbox=box.name, state=RunState.RUNNING,
        words=f"{box.task_key} occupies the goal's sandbox (run 1)",
    )  # fmt: skip
    goal = engine.goals[box.goal].model_copy(update={"pinned": (pinned,)})
    text = ["".join(piece for piece, _ in line) for line in goal_lines(goal, 78, NOON)]
    assert f"sandbox   {pinned.words}" in text
