"""The bridge: newest facts, one wake-up a frame, staleness said, no loop against a closed door (R118-R120, R126)."""

import asyncio
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from engine.api import DecisionView
from engine.errors import Conflict, EngineUnavailable
from engine.events import EventType
from engine.model import GoalState, TaskState
from tui.bridge import Feed, feed
from tui.messages import Link, Overview
from ui.frozen import NOON, FrozenEngine
from ui.pieces import D_EXPORT, NIGHT, SHIP, goal, lines
from ui.scenes import shop
from ui.steering import WIDE, at_the_keys


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BACKOFF", (0.02, 0.05))


class Ear:
    """A feed without an app, and what it told."""

    def __init__(self, engine: FrozenEngine) -> None:
        self.told = 0
        self._news = asyncio.Event()
        self.feed = Feed(engine, self._hear, lambda: NOON)

    def _hear(self, overview: Overview) -> None:
        self.told += 1
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until it is so, looked at after each word."""
        async with asyncio.timeout(20):
            while not true():
                self._news.clear()
                await self._news.wait()


async def test_r101_a_bridge_that_is_ended_as_its_engine_goes_is_ended() -> None:
    engine = shop()
    ear = Ear(engine)
    running = asyncio.create_task(ear.feed.run())
    await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
    engine.drop(EngineUnavailable("gone"))
    await asyncio.sleep(0)  # the stream is woken; its failure and the end are one instant
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()


async def test_a_flood_of_events_is_a_few_wake_ups() -> None:
    engine = shop()
    ear = Ear(engine)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
        before, asked = ear.told, len(engine.named("status"))
        for n in range(5_000):
            engine.push(EventType.TASK_STARTED, goal=NIGHT, task=f"t-{n}")
        await ear.until(lambda: ear.feed.overview.seq == engine.engine.seq)
        assert ear.told - before < 20
        assert len(engine.named("status")) - asked < 20
        running.cancel()


async def test_r126_memory_of_the_bridge_stays_bounded() -> None:
    engine = shop()
    ear = Ear(engine)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
        tracemalloc.start()
        for batch in range(20):
            for n in range(1_000):
                engine.push(EventType.TASK_STARTED, goal=NIGHT, task=f"t-{batch}-{n}", text="x" * 100)
            await ear.until(lambda: ear.feed.overview.seq == engine.engine.seq)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        running.cancel()
    assert grown < 2_000_000
    assert len(ear.feed.overview.news) <= feed.NEWS


async def test_trees_are_read_for_open_goals_only_and_when_they_change() -> None:
    engine = shop()
    ear = Ear(engine)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
        ear.feed.open_goals("goals", [SHIP])
        await ear.until(lambda: SHIP in ear.feed.overview.trees)
        assert engine.named("tree") == [SHIP]
        engine.push(EventType.TASK_STARTED, goal=NIGHT)
        engine.push(EventType.TASK_STARTED, goal=SHIP)
        await ear.until(lambda: len(engine.named("tree")) == 2)
        assert engine.named("tree") == [SHIP, SHIP]
        ear.feed.open_goals("goals", [NIGHT])
        await ear.until(lambda: set(ear.feed.overview.trees) == {NIGHT})
        running.cancel()


async def test_r120_the_tree_of_a_goal_that_is_no_more_is_not_kept() -> None:
    engine = shop()
    ear = Ear(engine)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        ear.feed.open_goals("goals", [SHIP, NIGHT])
        await ear.until(lambda: set(ear.feed.overview.trees) == {SHIP, NIGHT})
        engine.trees.pop(SHIP)
        engine.push(EventType.GOAL_ENDED, goal=SHIP)
        await ear.until(lambda: set(ear.feed.overview.trees) == {NIGHT})
        running.cancel()


async def test_r119_a_dropped_stream_is_stale_with_its_age_and_catches_up() -> None:
    engine = shop()
    clock = [NOON]
    async with at_the_keys(engine, WIDE, now=lambda: clock[0]) as seat:
        await seat.shows("live 14:20:07")
        engine.subscribe_error = EngineUnavailable("no engine answers on the socket")
        engine.drop()
        clock[0] = NOON + timedelta(seconds=41)
        await seat.shows("STALE for 41s", "no engine answers on the socket", "connecting again")
        engine.goals[SHIP] = goal(SHIP, "Ship the greeting", state=GoalState.DONE, progress=(6, 6))
        engine.engine = engine.engine.model_copy(update={"seq": 18300})
        engine.subscribe_error = None
        await seat.shows("live 14:20:48", "seq 18300", "6/6")
        assert "STALE" not in seat.text


async def test_r119_a_refused_attachment_does_not_loop() -> None:
    engine = shop()
    tries = 0

    async def refuse(after: int | None = None) -> object:
        nonlocal tries
        tries += 1
        raise Conflict("this engine serves another project")
        yield

    engine.subscribe = refuse  # type: ignore[assignment, method-assign]
    engine.subscribe_error = Conflict("refused")
    async with at_the_keys(engine) as seat:
        await seat.shows("REFUSED", "this engine serves another project")
        await seat.pilot.pause(0.2)
        assert tries == 1
        await seat.press("full_stop")
        await seat.until(lambda: tries == 2)


async def test_a_crash_of_the_bridge_is_shown_and_dot_starts_it_again() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        engine.drop(ZeroDivisionError("a fault of ours"))
        await seat.shows("BROKEN", "the bridge died: ZeroDivisionError: a fault of ours", ". tries again")
        await seat.press("full_stop")
        await seat.shows("live 14:20:07")


async def test_r119_a_silent_engine_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "SILENCE", 0.05)
    engine = shop()
    ear = Ear(engine)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
        asked = len(engine.named("status"))
        await ear.until(lambda: len(engine.named("status")) > asked)
        running.cancel()


async def test_r118_no_state_is_read_out_of_text() -> None:
    engine = shop()
    words = [f"{state} goal.ended decision.answered approved" for state in (*TaskState, *GoalState)]
    async with at_the_keys(engine, WIDE) as seat:
        await seat.shows("human_approval")
        before = seat.text
        engine.lines["r-login00000"] = lines(words * 50)
        engine.push(EventType.LOG_GAP, goal=NIGHT)
        await seat.until(lambda: seat.app.overview.seq == engine.engine.seq)
        await seat.settle()
        after = seat.text.splitlines()
        assert [line[:84] for line in after[2:36]] == [line[:84] for line in before.splitlines()[2:36]]


async def test_r120_what_has_ended_leaves_every_live_view() -> None:
    engine = shop()
    async with at_the_keys(engine, WIDE) as seat:
        await seat.press("5")
        await seat.shows("ph-1c9e77aa-r-login00000")
        engine.boxes.clear()
        engine.push(EventType.SANDBOX_REMOVED, goal=NIGHT)
        await seat.shows("nothing is alive", "runs 0/4")
        await seat.press("2")
        await seat.shows("Is the export right?")
        engine.order.remove(D_EXPORT)
        engine.push(EventType.DECISION_ANSWERED, goal=NIGHT)
        await seat.until(lambda: "Is the export right?" not in seat.text)
        engine.goals.pop(NIGHT)
        engine.push(EventType.GOAL_ENDED, goal=NIGHT)
        await seat.press("1")
        await seat.until(lambda: "login" not in seat.text)


async def test_notices_of_the_engine_are_shown() -> None:
    engine = shop()
    words = ("no Docker daemon answers: runs use the process driver", "the second thing")
    engine.engine = engine.engine.model_copy(update={"notices": words})
    async with at_the_keys(engine) as seat:
        await seat.shows("no Docker daemon answers: runs use the process driver", "(+1 more)")


async def test_r119_what_was_read_before_a_snapshot_does_not_take_its_place() -> None:
    engine = shop()
    ear = Ear(engine)
    asked, answer, decisions = asyncio.Event(), asyncio.Event(), engine.decisions

    async def late() -> Sequence[DecisionView]:
        found = await decisions()
        asked.set()
        await answer.wait()
        return found

    async with asyncio.TaskGroup() as group:
        running = group.create_task(ear.feed.run())
        await ear.until(lambda: ear.feed.overview.link is Link.LIVE)
        engine.decisions = late  # type: ignore[method-assign]
        engine.push(EventType.DECISION_REMINDED, goal=NIGHT)
        await asked.wait()
        engine.decisions = decisions  # type: ignore[method-assign]
        engine.order.remove(D_EXPORT)
        engine.lag()
        await ear.until(lambda: D_EXPORT not in ids(ear))
        told = ear.told
        answer.set()
        await ear.until(lambda: ear.told > told)
        assert D_EXPORT not in ids(ear)
        running.cancel()


def ids(ear: Ear) -> list[str]:
    return [decision.id for decision in ear.feed.overview.decisions]


async def test_r119_a_change_of_size_paints_no_older_view() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await seat.shows("live 14:20:07")
        for width in (90, 150, 100, 80):
            await seat.pilot.resize_terminal(width, 30)
            engine.goals[SHIP] = goal(SHIP, f"Ship it at {width}", progress=(5, 6))
            engine.push(EventType.GOAL_WAITING, goal=SHIP)
            await seat.shows(f"Ship it at {width}")
