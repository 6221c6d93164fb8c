"""Drivers that give nothing, raise what nobody expects or hang: no spin, nothing stays claimed (R30, R101, case 14)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.api import Answer, StopMode
from engine.errors import DaemonUnavailable
from engine.ids import SafeName
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionKind, ExitCause, FailureClass, GoalState, RunState, TaskState
from engine.sandbox.driver import Exit, SandboxSpec, Started
from engine.settings import EngineSettings, SandboxSettings, Settings
from engine.store import named_queries

RUNS = named_queries("runs")
GRACE = 0.05  # seconds


@dataclass
class OddDriver(ScriptedDriver):
    """Starts and waits that go wrong in the ways of `start_does` and `wait_does`, one after the other."""

    start_does: list[str] = field(default_factory=list)
    wait_does: list[str] = field(default_factory=list)
    starts: int = 0
    waits: int = 0
    trace: list[tuple[str, str]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, spec: SandboxSpec) -> Started:
        self.starts += 1
        self.trace.append(("start", spec.name))
        how = self.start_does.pop(0) if self.start_does else "well"
        if how == "none":
            return None  # type: ignore[return-value]  # what a defect of a driver may do
        if how == "raises":
            raise RuntimeError("no such thing")
        started = await super().start(spec)
        if how == "hangs":
            self.hanging.set()
            await asyncio.Event().wait()
        return started

    async def wait(self, name: SafeName) -> Exit:
        self.waits += 1
        self.waiting.set()
        how = self.wait_does.pop(0) if self.wait_does else "well"
        if how == "raises":
            raise RuntimeError("no such thing")
        if how == "away":
            raise DaemonUnavailable("connection refused")
        return await super().wait(name)

    async def remove(self, name: SafeName) -> None:
        self.trace.append(("remove", name))
        await super().remove(name)


Open = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(driver: OddDriver, **engine: object) -> Bench:
            defaults = {"retry_backoff": 0.01, "reconcile_interval": 0.05}
            settings = Settings(
                engine=EngineSettings.model_validate(defaults | engine), sandbox=SandboxSettings(stop_grace=GRACE)
            )
            local = await open_local(project, settings, random=Random(7), drivers={driver.name: driver})
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


async def approve(bench: Bench) -> None:
    (decision,) = await bench.engine.decisions()
    assert decision.kind is DecisionKind.SPAWN_FAILURE
    await bench.engine.answer(decision.id, Answer(version=decision.version, answer=AnswerKind.APPROVE))


@pytest.mark.parametrize("how", ["none", "raises"])
async def test_case_14_r30_a_start_that_goes_wrong_is_tried_a_few_times_and_then_a_human_is_asked(
    opened: Open, project: Path, how: str
) -> None:
    driver = OddDriver(root=project, start_does=[how] * 4)
    bench = await opened(driver, infra_retries=3)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    await bench.waiting(goal.id)
    await driver.listed_at_least(driver.listed + 3)  # reconciles drive nothing again
    task = await bench.engine.task(f"{goal.id}/only")
    assert driver.starts == 4
    assert task.state is TaskState.BLOCKED
    assert [(run.state, run.cause, run.failure_class) for run in task.runs] == [
        (RunState.ENDED, ExitCause.START_ERROR, FailureClass.INFRA)
    ] * 4
    assert task.failures == 0  # it is no failure of the task
    assert "could not start" in (task.cause or "")
    await approve(bench)
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r30_each_new_start_waits_longer_than_the_one_before(opened: Open, project: Path) -> None:
    driver = OddDriver(root=project, start_does=["raises"] * 4)
    bench = await opened(driver, infra_retries=3, retry_backoff=0.1)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    await bench.waiting(goal.id)
    runs = (await bench.engine.task(f"{goal.id}/only")).runs
    pauses = [
        (later.created_at - earlier.ended_at).total_seconds() for earlier, later in pairwise(runs) if earlier.ended_at
    ]
    assert len(pauses) == 3
    assert all(pause >= 0.075 * 2**n for n, pause in enumerate(pauses)), pauses


async def test_case_14_r30_a_log_that_cannot_be_opened_is_a_start_that_failed(opened: Open, project: Path) -> None:
    driver = OddDriver(root=project)
    bench = await opened(driver, infra_retries=1)
    logs = bench.engine._parts.context.paths.logs
    logs.rmdir()
    logs.write_text("a file")
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    await bench.waiting(goal.id)
    task = await bench.engine.task(f"{goal.id}/only")
    assert [run.cause for run in task.runs] == [ExitCause.START_ERROR] * 2
    assert driver.starts == 0
    logs.unlink()
    logs.mkdir()
    await approve(bench)
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r30_a_started_run_whose_driver_fails_now_and_then_goes_on_as_the_same_run(
    opened: Open, project: Path
) -> None:
    driver = OddDriver(root=project, wait_does=["raises", "raises"])
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/only")).runs
    assert (run.exit_code, driver.starts, driver.waits) == (0, 1, 3)


async def test_r30_a_started_run_that_can_never_be_followed_is_ended_and_a_human_asked(
    opened: Open, project: Path
) -> None:
    driver = OddDriver(root=project, wait_does=["raises"] * 100)
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    await bench.waiting(goal.id)
    await bench.engine._parts.live.ended()
    (run,) = (await bench.engine.task(f"{goal.id}/only")).runs
    assert (run.cause, run.failure_class, driver.waits) == (ExitCause.LOST, FailureClass.INFRA, 3)
    assert "no such thing" in (run.message or "")
    assert driver.alive == {}
    driver.wait_does.clear()
    await approve(bench)
    await bench.until(goal.id, lambda _, states: states["only"] == "running")
    driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r42_a_daemon_that_is_away_ends_no_run_however_often_it_is_asked(opened: Open, project: Path) -> None:
    driver = OddDriver(root=project, wait_does=["away"] * 6)
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert (driver.starts, driver.waits) == (1, 7)


@pytest.mark.parametrize("how", ["raises", "away"])
async def test_r96_a_cancel_reaches_a_run_between_two_tries_to_follow_it(opened: Open, project: Path, how: str) -> None:
    driver = OddDriver(root=project, wait_does=[how])
    bench = await opened(driver, retry_backoff=3600)
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    await driver.waiting.wait()
    await bench.engine.cancel(goal.id)
    assert (await bench.ended(goal.id)).state is GoalState.CANCELLED
    await bench.engine._parts.live.ended()
    assert driver.alive == {}


async def test_r101_a_start_that_hangs_is_cancelled_and_its_sandbox_gone_before_the_end_is_final(
    opened: Open, project: Path
) -> None:
    driver = OddDriver(root=project, start_does=["hangs"])
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    await driver.hanging.wait()
    (name,) = driver.alive
    remove = driver.remove
    ended_at_removal: list[bool] = []

    async def looking(name: SafeName) -> None:
        ended_at_removal.append(not await bench.engine._parts.context.database.all(RUNS["live"]))
        await remove(name)

    driver.remove = looking  # type: ignore[method-assign]
    await bench.engine.cancel(goal.id)
    assert (await bench.ended(goal.id)).state is GoalState.CANCELLED
    assert ended_at_removal[0] is False
    assert ("remove", name) in driver.trace
    assert driver.alive == {}


async def test_r98_r101_a_start_that_hangs_holds_no_stop(opened: Open, project: Path) -> None:
    driver = OddDriver(root=project, start_does=["hangs"])
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "hang"}))
    await driver.hanging.wait()
    await bench.engine.stop(StopMode.STOP)
    async with asyncio.timeout(10):
        await bench.engine.wait_stopped()
    assert driver.alive == {}
    assert (await bench.engine.task(f"{goal.id}/only")).state is TaskState.PENDING


async def test_r19_r101_a_start_without_an_answer_ends_at_its_limit_and_leaves_no_second_sandbox(
    opened: Open, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dispatch.runs.starting.START_LIMIT", 0.1)
    driver = OddDriver(root=project, start_does=["hangs"])
    bench = await opened(driver)
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    first, second = (await bench.engine.task(f"{goal.id}/only")).runs
    assert (first.cause, second.exit_code) == (ExitCause.START_ERROR, 0)
    assert driver.trace[:2] == [("start", first.sandbox), ("remove", first.sandbox)]
    assert driver.trace.index(("start", second.sandbox)) > driver.trace.index(("remove", first.sandbox))
    assert driver.peak == 1
