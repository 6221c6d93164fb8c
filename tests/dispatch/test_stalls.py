"""A stall is told, and asked about where the settings say so; one sign alone does nothing, and nothing is ended without
an answer (R50, R51)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from scripted import Bench, goal_file

from engine.api import Answer, DecisionView, SandboxOrder, SandboxView
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import stage
from engine.dispatch.runs.life import LiveRun
from engine.dispatch.stalls import looking, vitals
from engine.dispatch.stalls.looking import look
from engine.errors import StoreError
from engine.events import Event, EventType
from engine.model import Activity, AnswerKind, DecisionKind, FailureClass, GoalState
from engine.store import Tx

Open = Callable[..., Awaitable[Bench]]
HANG = goal_file({"id": "first", "run": "hang", "stall": {"quiet": "60s", "repeats": 3}})
BY_HAND = 3600.0  # seconds between looks: tests look by themselves


async def begun(opened: Open, action: str = "ask", text: str = HANG) -> tuple[Bench, str, LiveRun]:
    bench = await opened(stall_action=action, stall_interval=BY_HAND)
    goal = await bench.goal(text)
    await bench.until(goal.id, lambda _, states: states["first"] == "running")
    [live] = bench.engine._parts.live
    await followed(live)
    await seen(bench)
    return bench, goal.id, live


async def followed(live: LiveRun) -> None:
    """Its start is committed; a few steps later it is followed."""
    async with asyncio.timeout(20):
        await asyncio.to_thread(lambda: [time.sleep(0.005) for _ in range(2000) if not live.pulse.followed])
    assert live.pulse.followed


async def seen(bench: Bench) -> None:
    """One look of the monitor."""
    await look(bench.engine._parts.context, bench.engine._parts.live)


def age(live: LiveRun, seconds: float) -> None:
    """What it has shown so far is so much older."""
    live.signs.began -= seconds
    live.signs.rested_at -= seconds
    live.signs.shown = {sign: at - seconds for sign, at in live.signs.shown.items()}


def rest_cpu(live: LiveRun, seconds: float) -> None:
    """Its processes have used no CPU for so long."""
    assert live.pulse.vitals.busy_at is not None
    live.pulse.vitals.busy_at -= seconds


async def stalls(bench: Bench) -> list[Event]:
    return [event for event in await bench.events() if event.type is EventType.AGENT_STALLED]


async def asked(bench: Bench) -> list[DecisionView]:
    return [found for found in await bench.engine.decisions() if found.kind is DecisionKind.STALL]


async def box(bench: Bench) -> SandboxView:
    [found] = await bench.engine.sandboxes()
    return found


async def choose(bench: Bench, option: str) -> None:
    [decision] = await asked(bench)
    answer = Answer(version=decision.version, answer=AnswerKind.CHOOSE, option=option, by="me", via="test")
    await bench.engine.answer(decision.id, answer)


async def stalled(bench: Bench, live: LiveRun) -> None:
    age(live, 61)
    rest_cpu(live, 61)
    await seen(bench)


async def test_r50_each_sign_alone_does_nothing(opened: Open) -> None:
    bench, goal, live = await begun(opened)
    rest_cpu(live, 500)
    await seen(bench)
    assert (await box(bench)).activity is Activity.WORKING
    live.pulse.vitals.busy_at = live.pulse.vitals.reached_at
    age(live, 500)
    await seen(bench)
    found = await box(bench)
    assert (found.activity, found.stalled) == (Activity.QUIET, False)
    live.signs.act("edit a")
    live.signs.act("edit a")
    live.signs.act("edit a")
    await seen(bench)
    assert (await box(bench)).activity is Activity.REPEATING
    assert (await stalls(bench), await asked(bench), bench.driver.stopped) == ([], [], set())
    assert (await bench.states(goal))["first"] == "running"


async def test_r50_two_signs_are_told_with_both_and_observing_ends_nothing(opened: Open) -> None:
    bench, goal, live = await begun(opened, action="observe")
    await stalled(bench, live)
    await seen(bench)
    [event] = await stalls(bench)
    signs = event.data["signs"]
    assert isinstance(signs, list)
    assert [str(sign).partition(" (")[0] for sign in signs] == [
        "no output, heartbeat or action",
        "its processes use no CPU",
    ]
    assert (event.run, event.data["activity"]) == (live.id, "quiet")
    assert (await asked(bench), bench.driver.stopped) == ([], set())
    why = await bench.engine.why(f"{goal}/first")
    assert any(reason.startswith("it has been quiet for 1m") for reason in why.reasons)
    assert any(reason.startswith("it has stalled: two signs say so, no output") for reason in why.reasons)
    found = await box(bench)
    assert (found.stalled, found.memory_used) == (True, 1024**2)
    assert {sign.source for sign in found.activity_evidence} >= {"cpu", "sandbox", "run"}


async def test_r50_a_work_folder_that_does_not_change_is_the_second_sign_of_a_repetition(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _, live = await begun(opened)
    folder = bench.driver.work_folder(live.id)
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(3):
        live.signs.act("run the same tests")
    assert live.signs.repeating_since is not None
    live.signs.repeating_since -= 61
    (folder / "touched").touch()
    await seen(bench)
    assert (await box(bench)).activity is Activity.REPEATING
    assert await stalls(bench) == [], "it writes: that is no standstill"
    monkeypatch.setattr(vitals, "unchanged_for", lambda folder: 500.0)
    await seen(bench)
    [event] = await stalls(bench)
    assert event.data["activity"] == "repeating"
    assert [decision.choices for decision in await asked(bench)] == [("wait", "restart", "stop")]


def test_a_work_folder_tells_when_anything_in_it_last_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "link").symlink_to("/nowhere")
    later = time.time() + 100
    monkeypatch.setattr(vitals, "time", SimpleNamespace(time=lambda: later, monotonic=lambda: 0.0))
    first = vitals.unchanged_for(tmp_path)
    assert first is not None
    assert 100 <= first < 160
    time.sleep(0.02)  # the clock of the file system
    before = vitals.unchanged_for(tmp_path)
    (deep / "new").write_text("x")
    after = vitals.unchanged_for(tmp_path)
    assert before is not None
    assert after is not None
    assert after < before
    assert vitals.unchanged_for(tmp_path / "gone") is None


async def test_r50_restart_ends_the_run_and_spends_no_retry(opened: Open) -> None:
    bench, goal, live = await begun(opened)
    await stalled(bench, live)
    [decision] = await asked(bench)
    assert decision.evidence["activity"] == "quiet"
    await choose(bench, "restart")
    await bench.until(goal, lambda _, states: states["first"] == "running" and len(bench.driver.specs) == 2)
    task = await bench.engine.task(f"{goal}/first")
    assert (task.runs[0].failure_class, task.failures, len(task.runs)) == (FailureClass.OPERATOR, 0, 2)
    assert await asked(bench) == []
    [pending] = [e for e in await bench.events() if e.type is EventType.TASK_PENDING and e.task == task.id]
    assert pending.data["cause"] == "restarted by me via test: it had stalled"


async def test_r50_a_restart_that_was_ordered_is_carried_out_by_the_next_engine(opened: Open) -> None:
    bench, goal, live = await begun(opened)
    await stalled(bench, live)
    [decision] = await asked(bench)

    def answer(tx: Tx) -> None:  # committed, and the engine ends before its run was told
        choice = Answer(version=decision.version, answer=AnswerKind.CHOOSE, option="restart", by="me", via="test")
        stage(tx, decision.id, choice, 0.0)
        confirm(tx, decision.id)
        tx.to_end.clear()

    await bench.engine._parts.context.database.write(answer)
    await bench.engine.close()
    again = await opened(stall_interval=BY_HAND)
    await again.until(goal, lambda _, states: states["first"] == "running" and len(again.driver.specs) == 2)


async def test_r50_stop_cancels_the_task_and_wait_changes_nothing(opened: Open) -> None:
    bench, goal, live = await begun(opened)
    await stalled(bench, live)
    await choose(bench, "wait")
    await seen(bench)
    assert (await asked(bench), bench.driver.stopped) == ([], set())
    live.signs.act("something")
    await seen(bench)
    await stalled(bench, live)
    await choose(bench, "stop")
    ended = await bench.ended(goal)
    assert (ended.state, len(await stalls(bench))) == (GoalState.CANCELLED, 2)
    task = await bench.engine.task(f"{goal}/first")
    assert task.cause == "stopped by me via test: it had stalled"


@pytest.mark.parametrize("end", ["works again", "has ended"])
async def test_r50_a_question_about_a_run_ends_when_it_is_no_question_any_more(opened: Open, end: str) -> None:
    bench, goal, live = await begun(opened)
    await stalled(bench, live)
    assert len(await asked(bench)) == 1
    if end == "works again":
        live.signs.act("something")
        await seen(bench)
    else:
        bench.driver.finish()
        await bench.ended(goal)
    assert await asked(bench) == []


async def test_r49_whoever_waits_or_is_frozen_is_never_stalled(opened: Open) -> None:
    bench, _, live = await begun(opened)
    live.signs.wait("d-1", "an answer to a question")
    await stalled(bench, live)
    found = await box(bench)
    assert (found.activity, found.stalled) == (Activity.WAITING, False)
    assert found.activity_evidence[0].source == "d-1"
    live.signs.go_on("d-1")
    await seen(bench)
    assert (await box(bench)).activity is Activity.WORKING, "silence counts from the end of its wait"
    await bench.engine.order_sandbox(found.name, SandboxOrder.FREEZE)
    await stalled(bench, live)
    assert (await box(bench)).activity is Activity.WAITING
    assert (await stalls(bench), await asked(bench)) == ([], [])


async def test_r50_a_stalled_run_is_asked_about_once_over_restarts(opened: Open) -> None:
    bench, _, live = await begun(opened)
    await stalled(bench, live)
    await bench.engine.close()
    again = await opened(stall_action="ask", stall_interval=BY_HAND)
    [adopted] = again.engine._parts.live
    await followed(adopted)
    await seen(again)
    await stalled(again, adopted)
    assert (len(await asked(again)), len(await stalls(again))) == (1, 1)


async def test_r4_a_store_that_refuses_to_note_a_stall_ends_no_engine_and_it_is_told_later(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await opened(stall_action="ask", stall_interval=0.05)
    goal = await bench.goal(HANG)
    await bench.until(goal.id, lambda _, states: states["first"] == "running")
    [live] = bench.engine._parts.live
    async with asyncio.timeout(20):
        while live.pulse.vitals.busy_at is None:  # noqa: ASYNC110 - until the engine has looked by itself
            await asyncio.sleep(0.01)
    refused = asyncio.Event()

    async def full(*_: object) -> None:
        refused.set()
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.engine._parts.context.database, "write", full)
        age(live, 600)
        rest_cpu(live, 600)
        async with asyncio.timeout(20):
            await refused.wait()
    await bench.until(goal.id, lambda view, _: any(on.kind == "decision" for on in view.waiting_on))
    assert len(await stalls(bench)) == 1
    assert bench.engine._parts.fatal is None


async def test_r101_the_look_that_is_ended_as_the_store_refuses_is_ended(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, refuse = asyncio.Event(), asyncio.Event()

    async def refused(*_: object) -> None:
        looked.set()
        await refuse.wait()
        raise StoreError("the store is closed")

    monkeypatch.setattr(looking, "_look_at", refused)
    bench = await opened(stall_interval=0.1)
    await bench.goal(HANG)
    await looked.wait()
    task = bench.engine._parts.context.crew._tasks["stalls"]
    refuse.set()
    await asyncio.sleep(0)  # the look is woken; its failure and the end are one instant
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
