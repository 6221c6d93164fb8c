"""The turn of a running agent, interrupted by an operator: it goes on, or its end is no failure (R32, R95)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from scripted import Bench, goal_file
from timed import PATIENT, Timed

from engine.api import RunView, SandboxOrder
from engine.dispatch.endings.ending import Ending
from engine.dispatch.endings.ordered import as_ordered
from engine.errors import Conflict, DaemonUnavailable, IllegalMove, OutcomeUnknown
from engine.events import EventType
from engine.model import DriverName, ExitCause, FailureClass, GoalState, RunRecord, RunState
from engine.sandbox.driver import Exit

Open = Callable[..., Awaitable[Bench]]
AT = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = 10.0
HANGING = goal_file({"id": "a", "run": "hang", "retries": 2})
EXIT, SIGNAL, CANCELLED = ExitCause.EXIT, ExitCause.SIGNAL, ExitCause.CANCELLED


async def running(bench: Bench, source: str = HANGING) -> RunView:
    goal = await bench.goal(source)
    await bench.until(goal.id, lambda _, states: states["a"] == "running")
    return (await bench.engine.task(f"{goal.id}/a")).runs[-1]


def ended(seconds: float, cause: ExitCause, code: int | None, signal: int | None = None, **more: object) -> Ending:
    """What an end that many seconds after its interruption by `me` is called."""
    run = RunRecord(id="r", goal="g", task="t", n=1, state=RunState.RUNNING, driver=DriverName.PROCESS, sandbox="ph",
                    interrupted_by="me", interrupted_at=AT, created_at=AT)  # fmt: skip
    ending = Ending(cause, "exited\n  last output:", code, signal, **more)  # type: ignore[arg-type]
    return as_ordered(ending, run, "", AT + timedelta(seconds=seconds), GRACE)


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (ended(1, SIGNAL, None, 2), CANCELLED), (ended(1, EXIT, 130), CANCELLED), (ended(1, EXIT, 1), CANCELLED),
        (ended(1, SIGNAL, 143, 15), CANCELLED), (ended(1, EXIT, 0, gave_up=True), CANCELLED),
        (ended(600, EXIT, 130), CANCELLED), (ended(600, SIGNAL, None, 2), CANCELLED),
        (ended(600, EXIT, 1), EXIT), (ended(600, SIGNAL, 143, 15), SIGNAL), (ended(600, EXIT, 0), EXIT),
        (ended(1, ExitCause.OOM, 137, 9), ExitCause.OOM), (ended(1, ExitCause.TIMEOUT, 143), ExitCause.TIMEOUT),
        (ended(1, ExitCause.LOST, None), ExitCause.LOST), (ended(1, EXIT, 0), EXIT),
    ],
)  # fmt: skip
def test_r32_which_ends_are_those_of_an_interruption(end: Ending, cause: ExitCause) -> None:
    assert end.cause is cause
    assert (end.failure_class() is FailureClass.OPERATOR, end.killed) == (cause is CANCELLED, cause is CANCELLED)
    assert end.message == ("interrupted by me" if cause is CANCELLED else "exited") + "\n  last output:"


def test_r32_a_clean_end_is_doubted_only_right_after_it_and_without_its_own_word() -> None:
    assert ended(1, EXIT, 0).cut == "me"
    assert ended(11, EXIT, 0).cut == ""
    assert ended(1, EXIT, 0, reported=True).cut == ""


async def test_r32_a_run_that_ends_by_it_spends_no_retry_and_waits_for_a_word(bench: Bench) -> None:
    run = await running(bench)
    told = await bench.engine.interrupt(run.id, "me")
    assert (told.state, told.interrupted_by) == (RunState.RUNNING, "me")
    assert bench.driver.interrupted == [run.sandbox]
    bench.driver.end(run.sandbox, Exit(130, 2))
    await bench.waiting(run.goal)
    task = await bench.engine.task(run.task)
    assert (task.state.value, task.failures, task.cause) == ("blocked", 0, "interrupted by me")
    assert task.runs[-1].failure_class is FailureClass.OPERATOR
    (asked,) = await bench.engine.decisions()
    assert asked.question == "a was interrupted by me. Run it again?"
    await bench.engine.retry(run.task)
    await bench.until(run.goal, lambda _, states: states["a"] == "running")
    bench.driver.finish()
    assert (await bench.ended(run.goal)).state is GoalState.DONE
    (event,) = [event for event in await bench.events() if event.type is EventType.RUN_INTERRUPTED]
    assert (event.run, event.data) == (run.id, {"by": "me", "name": run.sandbox})


async def test_r32_an_agent_that_goes_on_simply_goes_on(timed: Callable[..., Awaitable[Timed]]) -> None:
    bench = await timed()
    run = await running(bench, goal_file({"id": "a", "run": "hang"}, defaults=PATIENT))
    await bench.engine.interrupt(run.task)
    assert (await bench.engine.run(run.id)).state is RunState.RUNNING
    bench.clock.at += timedelta(minutes=1)
    bench.driver.finish()
    assert (await bench.ended(run.goal)).state is GoalState.DONE


async def test_r32_a_clean_end_right_after_it_is_looked_at_by_a_human(bench: Bench) -> None:
    run = await running(bench)
    await bench.engine.interrupt(run.id, "me")
    bench.driver.finish()
    await bench.waiting(run.goal)
    (asked,) = await bench.engine.decisions()
    assert (asked.kind.value, "interrupted by me just before its end" in asked.question) == ("review", True)


async def test_r95_it_is_stored_before_it_is_sent_and_known_to_the_next_engine(opened: Open) -> None:
    bench = await opened()
    run = await running(bench)
    bench.driver.refuses_to_pause = OutcomeUnknown("late")
    with pytest.raises(OutcomeUnknown):
        await bench.engine.interrupt(run.id, "me")
    await bench.engine.close()
    again = await opened()
    again.driver.end(run.sandbox, Exit(130, 2))
    await again.waiting(run.goal)
    assert (await again.engine.task(run.task)).cause == "interrupted by me"


async def test_r95_one_that_was_not_sent_is_taken_back(bench: Bench) -> None:
    run = await running(bench, goal_file({"id": "a", "run": "hang"}))
    bench.driver.refuses_to_pause = DaemonUnavailable("away")
    with pytest.raises(DaemonUnavailable):
        await bench.engine.interrupt(run.id, "me")
    assert (await bench.engine.run(run.id)).interrupted_by is None
    told = [event.data.get("failed") for event in await bench.events() if event.type is EventType.RUN_INTERRUPTED]
    assert told == [None, "away"]
    bench.driver.end(run.sandbox, Exit(130, 2))
    assert (await bench.ended(run.goal)).state is GoalState.FAILED
    assert (await bench.engine.task(run.task)).failures == 1


async def test_r52_what_stands_still_or_has_ended_is_not_interrupted(bench: Bench) -> None:
    run = await running(bench)
    await bench.engine.order_sandbox(run.id, SandboxOrder.FREEZE)
    with pytest.raises(Conflict, match="frozen") as refused:
        await bench.engine.interrupt(run.id)
    assert refused.value.hint == f"`pilothouse thaw {run.id}` first"
    await bench.engine.order_sandbox(run.id, SandboxOrder.THAW)
    bench.driver.finish()
    await bench.ended(run.goal)
    with pytest.raises(IllegalMove, match="is ended"):
        await bench.engine.interrupt(run.id)
    assert bench.driver.interrupted == []
    assert EventType.RUN_INTERRUPTED not in [event.type for event in await bench.events()]
