"""Records take the wall's time and waits the monotonic one, both from the clock that was given (R14)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from scripted import Bench, goal_file

from engine.clock import SystemClock
from engine.dispatch.limits.budget_watch import look
from engine.events import EventType
from engine.model import GoalState

Open = Callable[..., Awaitable[Bench]]
NOON = datetime(2001, 2, 3, 12, tzinfo=UTC)


class SetClock(SystemClock):
    """A machine whose wall clock is set by hand: it stands still, and only waits go on."""

    def __init__(self) -> None:
        self.wall = NOON
        self.waited = 0.0  # seconds that waits are put forward by

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return super().monotonic() + self.waited


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def bench(opened: Open, clock: SetClock) -> Bench:
    # Half a second: no wait of the engine's own passes is so short, none here is much longer.
    return await opened(clock=clock, retry_backoff=0.4, budget_interval=3600)


async def test_r14_a_wall_clock_set_back_delays_no_retry_and_changes_no_order(opened: Open, clock: SetClock) -> None:
    bench = await opened(clock=clock, retry_backoff=600)
    goal = await bench.goal(goal_file({"id": "shaky", "run": "exit 3", "retries": 1}))
    await bench.waiting(goal.id, "timer")
    clock.wall -= timedelta(hours=1)
    clock.waited += 1200
    bench.engine._parts.scheduler.look_again()
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    events = await bench.events()
    starts = [event for event in events if event.type is EventType.RUN_STARTED]
    assert [event.at for event in starts] == [NOON, NOON - timedelta(hours=1)]
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert starts[0].seq < starts[1].seq, "a time orders nothing"


async def test_r14_a_retry_waits_though_the_wall_clock_stands_still(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "shaky", "run": "exit 3", "retries": 1}))
    assert (await bench.ended(goal.id)).state is GoalState.FAILED
    assert len((await bench.engine.task(f"{goal.id}/shaky")).runs) == 2


async def test_r14_ages_come_from_the_clock_that_was_given(bench: Bench, clock: SetClock) -> None:
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}, policy={"budget": {"wall": "1h"}}))
    await bench.until(goal.id, lambda _, states: states["only"] == "running")
    clock.wall += timedelta(seconds=90)
    (sandbox,) = await bench.engine.sandboxes()
    assert sandbox.started_at == NOON
    (view,) = (await bench.engine.status(goal.id)).goals
    assert (view.created_at, [budget.used for budget in view.budget]) == (NOON, [90.0])
    assert any("1m 30s of 1h" in reason for reason in (await bench.engine.why(goal.id)).reasons)
    clock.wall += timedelta(minutes=50)
    await look(bench.engine._parts.context)
    assert EventType.GOAL_BUDGET in [event.type for event in await bench.events()]
    bench.driver.finish()
    await bench.ended(goal.id)
