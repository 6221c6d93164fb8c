"""Sandboxes that stand still, that are killed, and that are removed, by an operator's order (R32, R51, R52)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from scripted import Bench, goal_file
from timed import Leap
from voices import voice_of

from engine.api import SandboxOrder, SandboxView
from engine.dispatch.runs import life
from engine.dispatch.runs.clocks import Clocks
from engine.errors import DaemonUnavailable, EngineUnavailable, IllegalMove, Invalid, NotFound, OutcomeUnknown
from engine.events import EventType
from engine.local.opening import open_local
from engine.model import ExitCause, FailureClass, GoalState, RunState
from engine.settings import Settings

Open = Callable[..., Awaitable[Bench]]
FREEZE, THAW, KILL, REMOVE = SandboxOrder.FREEZE, SandboxOrder.THAW, SandboxOrder.KILL, SandboxOrder.REMOVE
HANGING = goal_file({"id": "a", "run": "hang"})


class Watch:
    """A clock a test sets."""

    at = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_r52_both_clocks_stand_still_while_frozen_and_go_on_from_there() -> None:
    watch = Watch()
    clocks = Clocks(watch, timeout=100, idle_timeout=10)
    clocks.begin()
    watch.at += 9
    clocks.freeze()
    watch.at += 1_000
    assert clocks.passed() is None
    assert 0 < clocks.next_look(5) <= 5
    clocks.thaw()
    assert clocks.passed() is None
    assert clocks.next_look(5) == 1
    watch.at += 1
    assert clocks.passed() is ExitCause.IDLE
    clocks.heard()
    watch.at += 9
    assert clocks.passed() is None


def test_case_13_r49_signs_of_life_buy_no_time_and_time_that_is_left_buys_no_silence() -> None:
    watch = Watch()
    lively, silent = (Clocks(watch, timeout=100, idle_timeout=10) for _ in range(2))
    lively.begin()
    silent.begin()
    for _ in range(99):
        watch.at += 1
        lively.heard()
        assert lively.passed() is None
        assert (silent.passed() is ExitCause.IDLE) is (watch.at >= 110)
    assert lively.next_look(5) == 1
    watch.at += 1
    lively.heard()
    assert lively.passed() is ExitCause.TIMEOUT


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Leap:
    """Time that a test puts forward; how much has passed is looked at often."""
    monkeypatch.setattr(life, "IDLE_SAMPLE", 0.02)
    return Leap()


async def test_case_13_r49_a_run_that_never_falls_silent_ends_at_its_time_limit(opened: Open, clock: Leap) -> None:
    bench = await opened(clock=clock)
    limits = {"timeout": "3m", "idle_timeout": "2m"}
    goal = await bench.goal(goal_file({"id": "a", "run": "hang a", "sandbox": limits}))
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    voice = voice_of(bench, "a")
    (live,) = bench.engine._parts.live
    ended = asyncio.create_task(bench.ended(goal.id))
    beats = 0
    while not ended.done():
        clock.ahead += 20
        said = clock.monotonic()
        with suppress(httpx.TransportError):  # its door closes with it
            beats += (await voice.say("POST", "heartbeat", {}))[0] == 200
        while live.clocks._heard < said and not ended.done():  # noqa: ASYNC110 - a look at the clocks rings no bell
            await asyncio.sleep(0.005)
    (run,) = (await bench.engine.task(f"{goal.id}/a")).runs
    assert run.cause is ExitCause.TIMEOUT
    assert run.duration is not None
    assert run.duration >= 180, "the silence between two signs never lasted two minutes"
    assert beats > 5


def test_r49_the_time_limit_counts_what_was_spent_and_not_what_it_stood_still() -> None:
    watch = Watch()
    clocks = Clocks(watch, timeout=100, idle_timeout=1_000)
    clocks.freeze()  # adopted frozen
    watch.at += 7
    clocks.begin(spent=60)
    watch.at += 500
    assert clocks.passed() is None
    clocks.thaw()
    watch.at += 39
    assert clocks.passed() is None
    watch.at += 1
    assert clocks.passed() is ExitCause.TIMEOUT


async def running(bench: Bench, source: str = HANGING) -> SandboxView:
    goal = await bench.goal(source)
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    (box,) = [box for box in await bench.engine.sandboxes() if box.goal == goal.id]
    return box


async def test_r52_a_frozen_sandbox_neither_idles_nor_times_out(opened: Open, clock: Leap) -> None:
    bench = await opened(clock=clock)
    limits = {"idle_timeout": "2m"}
    box = await running(bench, goal_file({"id": "a", "run": "hang", "sandbox": limits}))
    outcome = await bench.engine.order_sandbox(box.name, FREEZE, "me")
    assert (outcome.name, outcome.state, outcome.run) == (box.name, "frozen", box.run)
    assert bench.driver.frozen == {box.name}
    (shown,) = await bench.engine.sandboxes()
    assert shown.frozen
    why = await bench.engine.why(box.task)
    assert any("is frozen: it stands still" in reason for reason in why.reasons)
    other = await bench.goal(goal_file({"id": "b", "run": "hang b", "sandbox": limits, "retries": 0}))
    await bench.until(other.id, lambda _, states: states["b"] == "running")
    clock.ahead += 130
    await bench.ended(other.id)  # began later, fell silent, and was ended
    assert (await bench.engine.run(box.run)).state is RunState.RUNNING
    assert (await bench.engine.order_sandbox(box.name, THAW, "me")).state == "running"
    clock.ahead += 130
    await bench.ended(box.goal)
    assert (await bench.engine.run(box.run)).cause is ExitCause.IDLE
    told = [event.type for event in await bench.events() if event.run == box.run]
    assert told.index(EventType.SANDBOX_PAUSED) < told.index(EventType.SANDBOX_THAWED) < told.index(EventType.RUN_ENDED)


async def test_r52_frozen_outlasts_the_engine_and_is_made_so_again(opened: Open) -> None:
    bench = await opened()
    box = await running(bench)
    await bench.engine.order_sandbox(box.run, FREEZE)
    await bench.engine.close()
    bench.driver.frozen.clear()  # as after a crash between the word in the store and the deed
    again = await opened()
    live = next(iter(again.engine._parts.live))
    assert live.clocks.frozen
    async with again.driver.changed:
        await again.driver.changed.wait_for(lambda: again.driver.frozen == {box.name})
    await again.engine.order_sandbox(box.task, THAW)
    assert not live.clocks.frozen
    again.driver.finish()
    assert (await again.ended(box.goal)).state is GoalState.DONE


@pytest.mark.parametrize(("error", "frozen"), [(DaemonUnavailable("away"), False), (OutcomeUnknown("late"), True)])
async def test_r42_a_freeze_that_failed_is_undone_and_one_of_unknown_effect_is_not(
    bench: Bench, error: Exception, frozen: bool
) -> None:
    box = await running(bench)
    bench.driver.refuses_to_pause = error
    with pytest.raises(type(error)):
        await bench.engine.order_sandbox(box.name, FREEZE)
    assert (await bench.engine.run(box.run)).frozen is frozen
    (live,) = bench.engine._parts.live
    assert live.clocks.frozen is frozen


async def test_r51_a_killed_run_is_no_failure_and_its_task_asks_whether_it_runs_again(bench: Bench) -> None:
    box = await running(bench, goal_file({"id": "a", "run": "hang", "retries": 3}))
    outcome = await bench.engine.order_sandbox(box.name, KILL, "me")
    assert outcome.state == "ended"
    run = await bench.engine.run(box.run)
    assert (run.cause, run.failure_class) == (ExitCause.CANCELLED, FailureClass.OPERATOR)
    assert run.message is not None
    assert run.message.startswith("killed by me")
    task = await bench.engine.task(box.task)
    assert (task.state, task.failures, len(task.runs)) == ("blocked", 0, 1)
    (asked,) = await bench.engine.decisions()
    assert "was killed by me. Run it again?" in asked.question
    await bench.engine.retry(box.task)
    await bench.until(box.goal, lambda _, states: states["a"] == "running")
    bench.driver.finish()
    assert (await bench.ended(box.goal)).state is GoalState.DONE


@pytest.mark.parametrize("end", ["kill", "cancel"])
async def test_r51_what_is_frozen_can_be_killed_and_cancelled(bench: Bench, end: str) -> None:
    box = await running(bench)
    await bench.engine.order_sandbox(box.name, FREEZE)
    if end == "kill":
        await bench.engine.order_sandbox(box.name, KILL)
    else:
        await bench.engine.cancel(box.task)
        await bench.ended(box.goal)
    run = await bench.engine.run(box.run)
    assert (run.state, run.frozen) == (RunState.ENDED, False)
    assert bench.driver.frozen == set(), "thawed first: what stands still hears nothing"


async def test_r2_orders_a_sandbox_cannot_take_are_refused_and_name_its_state(bench: Bench) -> None:
    box = await running(bench)
    with pytest.raises(IllegalMove, match="is not frozen"):
        await bench.engine.order_sandbox(box.name, THAW)
    with pytest.raises(IllegalMove, match="is alive: its run is running"):
        await bench.engine.order_sandbox(box.name, REMOVE)
    bench.driver.finish()
    await bench.ended(box.goal)
    for order in (FREEZE, KILL):
        with pytest.raises(IllegalMove, match="ended"):
            await bench.engine.order_sandbox(box.name, order)


async def test_a_sandbox_is_named_by_its_name_a_prefix_its_run_or_its_task(bench: Bench) -> None:
    box = await running(bench)
    for ref in (box.name, box.name[:-1], box.run, box.task, f"{box.goal}/a"):
        assert (await bench.engine.order_sandbox(ref, FREEZE)).name == box.name
    with pytest.raises(NotFound, match="no sandbox ph-00000000-r-none"):
        await bench.engine.order_sandbox("ph-00000000-r-none", FREEZE)
    with pytest.raises(Invalid):
        await bench.engine.order_sandbox("../../etc", KILL)


async def test_only_what_no_live_run_owns_is_removed(bench: Bench) -> None:
    box = await running(bench)
    orphan = "ph-00000000-r-orphan"
    bench.driver.alive[orphan] = asyncio.Event()
    outcome = await bench.engine.order_sandbox(orphan, REMOVE)
    assert (outcome.name, outcome.state, outcome.run) == (orphan, "removed", None)
    assert set(bench.driver.alive) == {box.name}
    with pytest.raises(NotFound, match="there is no sandbox"):
        await bench.engine.order_sandbox(orphan, REMOVE)


async def test_a_visiting_engine_reaches_no_sandbox(opened: Open) -> None:
    bench = await opened()
    box = await running(bench)
    await bench.engine.close()
    root = bench.engine._parts.context.paths.root
    visitor = await open_local(root, Settings(), visiting=True, drivers={bench.driver.name: bench.driver})
    try:
        with pytest.raises(EngineUnavailable, match="no engine runs"):
            await visitor.order_sandbox(box.name, KILL)
    finally:
        await visitor.close()
