"""A full spawn window starts nothing more, and empties when time advances, with no other event (R22)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.clock import SystemClock
from engine.events import EventType
from engine.local.opening import open_local
from engine.model import DriverName, GoalState
from engine.settings import EngineSettings, Settings

RATE, WINDOW = 3, 60.0


class SteppedClock(SystemClock):
    """Monotonic time that goes on only where a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def bench(project: Path, clock: SteppedClock) -> AsyncIterator[Bench]:
    driver = ScriptedDriver(root=project)
    settings = Settings(
        engine=EngineSettings(spawn_rate=RATE, spawn_window=WINDOW, max_parallel=100, reconcile_interval=3600)
    )
    engine = await open_local(project, settings, clock=clock, drivers={DriverName.PROCESS: driver})
    yield Bench(engine, driver)
    await engine.close()


async def passes(bench: Bench, times: int = 3) -> int:
    """Let dispatch look again and again; how many runs there are then."""
    scheduler = bench.engine._parts.scheduler
    for _ in range(times):
        async with scheduler._passing:
            await scheduler._pass()
    return len([event for event in await bench.events() if event.type is EventType.RUN_CREATED])


async def test_r22_no_window_starts_more_than_its_rate_however_often_dispatch_looks(
    bench: Bench, clock: SteppedClock
) -> None:
    leaves = [{"id": f"t{n}", "run": "exit 0"} for n in range(10)]
    goal = (await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": leaves}))).id
    assert await passes(bench) == RATE, "each has ended long ago, and its place in the window is not free"
    clock.seconds += 20
    assert await passes(bench) == RATE
    clock.seconds += WINDOW - 20.1
    assert await passes(bench) == RATE, "the window is not over yet"
    assert bench.engine._parts.scheduler.window.left() == pytest.approx(0.1)
    clock.seconds += 0.2
    assert await passes(bench) == 2 * RATE
    clock.seconds += WINDOW / 2
    assert await passes(bench) == 2 * RATE, "it slides: the newer starts still count"
    clock.seconds += WINDOW / 2 + 0.1
    assert await passes(bench) == 3 * RATE
    clock.seconds += WINDOW + 0.1
    assert await passes(bench) == 10
    assert (await bench.ended(goal)).state is GoalState.DONE
