"""A fork by key: which checkpoint is asked, and nothing is made before that (F24)."""

from engine.api import CreateGoal
from ui.scenes import shop
from ui.steering import at_the_keys
from ui.test_ui_orders import on


async def test_f_offers_the_newest_checkpoints_and_makes_a_goal_from_the_one_chosen() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await on(seat, "t-build00000")
        await seat.press("f")
        await seat.shows("Fork from which checkpoint?", "4 step 4", "3 step 3", "2 step 2", "1 older ones")
        await seat.press("enter")
        await seat.until(lambda: len(seat.app.screen_stack) == 1)
        assert engine.named("create_goal") == [], "enter keeps it at that"
        await seat.press("f")
        await seat.shows("Fork from which checkpoint?")
        await seat.press("right", "right", "enter")
        await seat.until(lambda: len(engine.named("create_goal")) == 1)
        [request] = engine.named("create_goal")
        assert request == CreateGoal(again=engine.kept[2].goal, checkpoint=3, by=request.by)


async def test_f_on_a_task_without_a_checkpoint_says_so() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await on(seat, "t-ship000000")
        await seat.press("f")
        await seat.until(lambda: "kept no checkpoint" in seat.toasts)
        assert engine.named("create_goal") == []
