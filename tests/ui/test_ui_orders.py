"""Orders by key: each goes to what is under the cursor, and what cannot be taken back asks first."""

from engine.api import GoalOrder, SandboxOrder
from engine.errors import IllegalMove
from engine.events import EventType
from engine.model import GoalState
from tui.widgets.goal_tree import GoalTree
from ui.frozen import FrozenEngine
from ui.pieces import NIGHT, SHIP
from ui.scenes import shop
from ui.steering import Seat, at_the_keys


async def on(seat: Seat, ref: str) -> None:
    """Put the cursor of the tree on a node."""
    await seat.until(lambda: len(seat.app.overview.trees) == 2)
    await seat.until(lambda: seat.app.screen.query_one(GoalTree).go(ref))
    await seat.settle()


def box(engine: FrozenEngine) -> tuple[str, str]:
    """The name and task of the first live sandbox."""
    return engine.boxes[0].name, engine.boxes[0].task


async def test_p_pauses_a_goal_and_resumes_it() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await on(seat, SHIP)
        await seat.press("p")
        await seat.until(lambda: engine.named("order_goal") == [(SHIP, GoalOrder.PAUSE)])
        await seat.until(lambda: "is paused" in seat.toasts)
        engine.push(EventType.GOAL_PAUSED, goal=SHIP)
        await seat.shows("‖ Ship the greeting", "paused")
        await seat.press("p")
        await seat.until(lambda: engine.named("order_goal")[-1] == (SHIP, GoalOrder.RESUME))


async def test_p_starts_a_goal_that_is_a_draft() -> None:
    engine = shop()
    engine.goals[SHIP] = engine.goals[SHIP].model_copy(update={"state": GoalState.DRAFT, "started_at": None})
    async with at_the_keys(engine) as seat:
        await on(seat, SHIP)
        await seat.press("p")
        await seat.until(lambda: engine.named("start_goal") == [SHIP])
        await seat.until(lambda: "is active" in seat.toasts)
    assert engine.named("order_goal") == []


async def test_p_on_a_task_that_runs_freezes_its_sandbox_and_thaws_it() -> None:
    engine = shop()
    name, task = box(engine)
    async with at_the_keys(engine) as seat:
        await on(seat, task)
        await seat.press("p")
        await seat.until(lambda: engine.named("order_sandbox") == [(name, SandboxOrder.FREEZE)])
        await seat.until(lambda: seat.app.overview.sandboxes[0].frozen)
        await seat.press("5")
        await seat.shows("□", "frozen")
        await seat.press("p")
        await seat.until(lambda: engine.named("order_sandbox")[-1] == (name, SandboxOrder.THAW))
        assert engine.named("order_goal") == []


async def test_t_retries_what_failed_and_is_not_offered_for_anything_else() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await on(seat, "t-ship000000")
        await seat.press("t")
        assert engine.named("retry") == []
        await on(seat, "t-smoke00000")
        await seat.shows("t retry")
        await seat.press("t")
        await seat.until(lambda: engine.named("retry") == ["t-smoke00000"])


async def test_skip_asks_first_and_names_what_becomes_of_it() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await on(seat, "t-ship000000")
        await seat.press(">")
        await seat.shows("Skip this task?", "ship", "skipped for good")
        await seat.press("enter")
        await seat.until(lambda: len(seat.app.screen_stack) == 1)
        assert engine.named("skip") == [], "enter keeps it"
        await seat.press(">")
        await seat.shows("Skip this task?")
        await seat.press("right", "enter")
        await seat.until(lambda: engine.named("skip") == ["t-ship000000"])


async def test_kill_asks_first_and_goes_to_the_sandbox_under_the_cursor() -> None:
    engine = shop()
    name, _ = box(engine)
    async with at_the_keys(engine) as seat:
        await seat.press("5", "X")
        await seat.shows("Kill this run?", "whether it runs again")
        await seat.press("right", "enter")
        await seat.until(lambda: engine.named("order_sandbox") == [(name, SandboxOrder.KILL)])


async def test_interrupt_asks_first_and_goes_to_the_run_under_the_cursor() -> None:
    engine = shop()
    run = engine.boxes[0].run
    async with at_the_keys(engine) as seat:
        await seat.press("5", "I")
        await seat.shows("Interrupt this turn?", "that is no failure")
        await seat.press("right", "enter")
        await seat.until(lambda: engine.named("interrupt") == [run])


async def test_the_kill_switch_asks_first_and_stands_in_the_header() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await seat.shows("dispatch on")
        await seat.press("P")
        await seat.shows("Switch dispatch off?", "What runs goes on")
        await seat.press("escape")
        assert engine.named("switch_dispatch") == []
        await seat.press("P", "right", "enter")
        await seat.shows("dispatch off")
        await seat.press("P")
        await seat.shows("Switch dispatch on?")
        await seat.press("right", "enter")
        await seat.shows("dispatch on")
        assert engine.named("switch_dispatch") == [False, True]


async def test_a_refusal_is_told_in_words() -> None:
    engine = shop()
    engine.goals[NIGHT] = engine.goals[NIGHT].model_copy(update={"state": GoalState.ACTIVE})

    async def refuse(goal: str, order: GoalOrder, by: str = "operator") -> None:
        raise IllegalMove(f"{goal} is done, which is final")

    engine.order_goal = refuse  # type: ignore[method-assign, assignment]
    async with at_the_keys(engine) as seat:
        await on(seat, NIGHT)
        await seat.press("p")
        await seat.until(lambda: "is done, which is final" in seat.toasts)
