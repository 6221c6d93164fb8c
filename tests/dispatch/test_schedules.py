"""Schedules in a whole engine: windows, overlap, orders by hand (R40)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asked import SetClock, put_forward
from scripted import Bench, goal_file
from timed import Timed, write

from engine.api import GoalOrder
from engine.api.schedules import AddSchedule, ScheduleOrder
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.model.schedules import ScheduleTerms

Open = Callable[..., Awaitable[Timed]]
NIGHT = {"windows": ["daily 22:00-06:00"]}


async def test_r40_a_window_starts_holds_and_goes_on(timed: Open) -> None:
    bench = await timed()
    view = await bench.add(**NIGHT)
    assert view.next_start is not None
    assert view.next_start.isoformat() == "2026-03-02T22:00:00+00:00"
    await bench.settled()
    coming = (await bench.engine.info()).next_start
    assert coming is not None
    assert (coming.schedule, coming.at) == ("nightly", view.next_start)
    await bench.go_to("2026-03-02T21:59:59Z")
    assert await bench.goals() == []
    await bench.go_to("2026-03-02T22:00:00Z")
    goal = await bench.running()
    assert (await bench.schedule()).window_until is not None
    await bench.go_to("2026-03-03T06:00:00Z")
    assert await bench.last() == ("held", "paused")
    assert len(bench.driver.alive) == 1  # what runs goes on
    await bench.go_to("2026-03-03T22:00:00Z")
    assert await bench.last() == ("started", "active")
    last = (await bench.schedule()).last
    assert last is not None
    assert (last.goal, last.cause) == (goal, f"{goal} goes on")
    bench.driver.finish()
    await bench.ended(goal)
    await bench.go_to("2026-03-04T22:00:00Z")
    assert await bench.running() != goal
    kinds = [event.type.removeprefix("schedule.") for event in await bench.told()]
    assert kinds == ["added", "due", "started", "held", "started", "due", "started"]


async def test_r40_a_window_that_is_over_leaves_alone_what_an_operator_paused(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT)
    await bench.go_to("2026-03-02T22:00:00Z")
    goal = await bench.running()
    await bench.engine.order_goal(goal, GoalOrder.PAUSE, "me")
    await bench.go_to("2026-03-03T06:00:00Z")
    assert await bench.last() == ("started", "paused")
    await bench.go_to("2026-03-03T22:00:00Z")
    assert await bench.last() == ("skipped", "paused")
    last = (await bench.schedule()).last
    assert last is not None
    assert last.cause == f"{goal} is paused"


async def test_r40_windows_that_overlap_hold_until_the_last_one_ends(timed: Open) -> None:
    bench = await timed()
    await bench.add(windows=["mon 13:00-15:00", "mon 14:00-18:00"])
    await bench.go_to("2026-03-02T13:00:00Z")
    await bench.running()
    for moment in ("14:00", "15:00", "17:59"):
        await bench.go_to(f"2026-03-02T{moment}:00Z")
        assert await bench.last() == ("started", "active")
    await bench.go_to("2026-03-02T18:00:00Z")
    assert await bench.last() == ("held", "paused")
    assert len(await bench.goals()) == 1


async def test_r40_windows_that_touch_hand_their_goal_on(timed: Open) -> None:
    bench = await timed()
    await bench.add(windows=["mon 13:00-15:00", "mon 15:00-16:00"])
    await bench.go_to("2026-03-02T13:00:00Z")
    await bench.running()
    await bench.go_to("2026-03-02T15:00:00Z")
    assert await bench.last() == ("started", "active")
    await bench.go_to("2026-03-02T16:00:00Z")
    assert await bench.last() == ("held", "paused")
    assert [event.type for event in await bench.events()].count(EventType.GOAL_PAUSED) == 1


async def test_overlap_skip_starts_nothing_beside_its_own_goal(timed: Open) -> None:
    bench = await timed()
    await bench.add(every="1h")
    await bench.go_to("2026-03-02T13:00:00Z")
    goal = await bench.running()
    await bench.go_to("2026-03-02T14:00:00Z")
    assert await bench.last() == ("skipped", "active")
    bench.driver.finish()
    await bench.ended(goal)
    await bench.go_to("2026-03-02T15:00:00Z")
    assert await bench.running() != goal


async def test_overlap_queue_waits_for_the_end_once(timed: Open) -> None:
    bench = await timed()
    await bench.add(every="1h", overlap="queue")
    await bench.go_to("2026-03-02T13:00:00Z")
    goal = await bench.running()
    await bench.go_to("2026-03-02T14:00:00Z")
    assert await bench.last() == ("queued", None)
    await bench.go_to("2026-03-02T15:00:00Z")
    assert await bench.last() == ("skipped", None)
    assert len(await bench.goals()) == 1
    bench.driver.finish()
    await bench.ended(goal)
    await bench.settled()
    assert await bench.running() != goal
    assert len(await bench.goals()) == 2


async def test_overlap_replace_ends_the_old_goal_first(timed: Open) -> None:
    bench = await timed()
    await bench.add(every="1h", overlap="replace")
    await bench.go_to("2026-03-02T13:00:00Z")
    goal = await bench.running()
    await bench.go_to("2026-03-02T14:00:00Z")
    await bench.ended(goal)
    await bench.settled()
    assert await bench.running() != goal
    assert sorted(await bench.goals()) == ["active", "cancelled"]
    starts = [event.data for event in await bench.events() if event.type is EventType.SCHEDULE_STARTED]
    assert [data["slot"] for data in starts] == [f"2026-03-02T{n}:00:00.000000+00:00" for n in (13, 14)]


async def test_r40_a_start_by_hand_lasts_to_the_end_of_the_next_window(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT)
    view = await bench.engine.order_schedule("nightly", ScheduleOrder.START, "me")
    assert view.override == "start"
    await bench.settled()
    goal = await bench.running()
    with pytest.raises(Conflict, match=goal):
        await bench.engine.order_schedule("nightly", ScheduleOrder.START, "me")
    await bench.go_to("2026-03-02T22:00:00Z")
    last = (await bench.schedule()).last
    assert last is not None
    assert last.cause == f"{goal} was started by hand and has not ended"
    assert len(await bench.goals()) == 1
    await bench.go_to("2026-03-03T05:59:59Z")
    assert await bench.goals() == ["active"]
    await bench.go_to("2026-03-03T06:00:00Z")
    assert await bench.goals() == ["paused"]
    assert (await bench.schedule()).override is None
    await bench.go_to("2026-03-03T22:00:00Z")
    assert await bench.last() == ("started", "active")


async def test_r40_a_stop_by_hand_lasts_to_the_end_of_its_window(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT, every="1h")
    await bench.go_to("2026-03-02T22:00:00Z")
    goal = await bench.running()
    view = await bench.engine.order_schedule("nightly", ScheduleOrder.STOP, "me")
    assert view.override == "stop"
    assert view.override_until == view.window_until
    assert await bench.goals() == ["paused"]
    for moment in ("02T23:00", "03T02:00", "03T05:00"):
        await bench.go_to(f"2026-03-{moment}:00Z")
        assert await bench.last() == ("skipped", None)
        assert await bench.goals() == ["paused"]
    await bench.go_to("2026-03-03T06:00:00Z")
    assert (await bench.schedule()).override is None
    await bench.go_to("2026-03-03T22:00:00Z")
    assert await bench.last() == ("started", "active")
    assert (await bench.engine.status()).goals[0].id == goal


async def test_a_stop_is_taken_back_by_a_start(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT)
    await bench.go_to("2026-03-02T22:00:00Z")
    await bench.running()
    await bench.engine.order_schedule("nightly", ScheduleOrder.STOP, "me")
    await bench.engine.order_schedule("nightly", ScheduleOrder.START, "me")
    assert await bench.goals() == ["active"]
    await bench.go_to("2026-03-03T06:00:00Z")
    assert await bench.goals() == ["paused"]


async def test_a_stop_with_nothing_to_stop_is_a_conflict(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT)
    with pytest.raises(Conflict, match="no window"):
        await bench.engine.order_schedule("nightly", ScheduleOrder.STOP, "me")
    with pytest.raises(NotFound):
        await bench.engine.order_schedule("daily", ScheduleOrder.STOP, "me")


async def test_a_paused_schedule_lets_starts_pass(timed: Open) -> None:
    bench = await timed()
    await bench.add(run="exit 0", cron="0 * * * *")
    assert (await bench.engine.order_schedule("nightly", ScheduleOrder.PAUSE, "me")).next_start is None
    with pytest.raises(Conflict, match="paused already"):
        await bench.engine.order_schedule("nightly", ScheduleOrder.PAUSE, "me")
    await bench.go_to("2026-03-02T15:30:00Z")
    assert await bench.goals() == []
    await bench.engine.order_schedule("nightly", ScheduleOrder.RESUME, "me")
    await bench.go_to("2026-03-02T15:59:00Z")
    assert await bench.goals() == []  # what passed is not made up for
    await bench.go_to("2026-03-02T16:00:00Z")
    assert len(await bench.goals()) == 1


async def test_r40_a_clock_that_is_set_back_starts_nothing_twice(timed: Open) -> None:
    bench = await timed()
    await bench.add(run="exit 0", cron="0 * * * *")
    await bench.go_to("2026-03-02T13:00:00Z")
    await bench.all_ended()
    await bench.go_to("2026-03-02T12:30:00Z")
    await bench.go_to("2026-03-02T13:00:00Z")
    assert len(await bench.goals()) == 1
    await bench.go_to("2026-03-02T14:00:00Z")
    assert len(await bench.goals()) == 2


async def test_r40_time_alone_starts_a_schedule(opened: Callable[..., Awaitable[Bench]], project: Path) -> None:
    write(project, "goal.yaml", goal_file({"id": "work", "run": "exit 0"}))
    now = datetime.now(UTC)
    bench = await opened(clock=SetClock(timedelta(seconds=1 - now.second - now.microsecond / 1e6)))
    terms = ScheduleTerms(goal="goal.yaml", cron="* * * * *")
    await bench.engine.add_schedule(AddSchedule(name="often", terms=terms))
    put_forward(bench, timedelta(seconds=58.5))  # half a second to the minute
    async with asyncio.timeout(20), aclosing(bench.engine.subscribe(0)) as updates:  # type: ignore[type-var]
        async for event in updates:
            if event.type is EventType.GOAL_ENDED:
                break
    [view] = await bench.engine.schedules()
    assert view.last is not None
    assert (str(view.last.state), view.last.goal_state, view.last.slot.second) == ("started", "done", 0)


async def test_a_goal_of_a_removed_schedule_is_left_as_it_is(timed: Open) -> None:
    bench = await timed()
    await bench.add(**NIGHT)
    await bench.go_to("2026-03-02T22:00:00Z")
    await bench.running()
    assert (await bench.engine.remove_schedule("nightly", "me")).name == "nightly"
    assert await bench.engine.schedules() == []
    await bench.go_to("2026-03-03T06:00:00Z")
    assert await bench.goals() == ["active"]
    with pytest.raises(NotFound):
        await bench.engine.remove_schedule("nightly", "me")
