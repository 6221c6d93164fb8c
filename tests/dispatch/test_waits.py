"""Waits are clamped and jittered, counters are kept apart and stored; a start that fails never spins (R30, R34)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from falling_machine import FallingMachine
from scripted import Bench, goal_file
from voices import seen

from engine.dispatch.endings.ending import LONGEST_WAIT, SHORTEST_WAIT, Policy
from engine.dispatch.waiting import announce_waiting
from engine.errors import DaemonUnavailable, ImageNotFound, Invalid, OutcomeUnknown, StoreError
from engine.events import EventType
from engine.ids import random_id
from engine.local.opening import open_local
from engine.model import DecisionKind, DriverName, ExitCause, TaskState
from engine.sandbox.driver import SandboxSpec, Started
from engine.settings import EngineSettings, Settings
from engine.store import Tx

Open = Callable[..., Awaitable[Bench]]


@pytest.mark.parametrize("backoff", [0.01, 2.0, 3600.0, 1e14])
@pytest.mark.parametrize("failures", [-5, 0, 1, 2, 3, 60, 10**9])
def test_r34_backoffs_are_clamped_and_jittered(backoff: float, failures: int) -> None:
    settings = EngineSettings(retry_backoff=backoff)
    waits = [Policy(settings, random_id, Random(seed)).backoff(failures) for seed in range(20)]
    assert all(timedelta(seconds=SHORTEST_WAIT) <= wait <= timedelta(seconds=LONGEST_WAIT) for wait in waits)
    plain = backoff * 2.0 ** min(max(failures, 1) - 1, 20)
    if plain * 1.25 < LONGEST_WAIT:
        assert len(set(waits)) > 10
        assert all(0.75 * plain <= wait.total_seconds() <= 1.25 * plain for wait in waits)


async def test_r34_the_counter_and_the_wait_survive_the_engine(opened: Open) -> None:
    first = await opened(retry_backoff=600)
    goal = (await first.goal(goal_file({"id": "flaky", "run": "exit 1", "retries": 3}))).id
    await first.until(goal, lambda view, _: view.waiting)
    before = await first.engine.task(f"{goal}/flaky")
    await first.engine.close()
    second = await opened(retry_backoff=600)
    other = await second.goal(goal_file({"id": "other", "run": "exit 0"}))
    await second.ended(other.id)  # passes have run, and none of them started it
    after = await second.engine.task(f"{goal}/flaky")
    assert (after.failures, after.not_before, len(after.runs)) == (1, before.not_before, 1)
    assert after.not_before is not None


class Refusing(FallingMachine):
    """A machine that starts nothing, for one reason."""

    reason: Exception = OSError("no such device")

    async def start(self, spec: SandboxSpec) -> Started:
        raise self.reason


@pytest.fixture
async def on(project: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    """An engine on a machine of the test's own."""
    async with AsyncExitStack() as stack:

        async def open_on(machine: FallingMachine, **engine: object) -> Bench:
            machine.root = project
            values = {"retry_backoff": 0.01, "reconcile_interval": 3600}
            settings = Settings(engine=EngineSettings.model_validate(values | engine))
            local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: machine})
            stack.push_async_callback(local.close)
            return Bench(local, machine)

        yield open_on


async def test_r34_classes_never_touch_each_others_counters(on: Open) -> None:
    machine = FallingMachine()
    bench = await on(machine)
    goal = (await bench.goal(goal_file({"id": "both", "run": "hang", "retries": 3}))).id
    await bench.until(goal, lambda _, states: states["both"] == "running")
    machine.fall()
    machine.down = False
    await bench.until(goal, lambda _, states: states["both"] == "running" and len(machine.specs) == 2)
    machine.alive[machine.specs[1].name].set()  # killed by a signal: the agent's own failure
    await bench.until(goal, lambda _, states: states["both"] == "running" and len(machine.specs) == 3)
    rows = await bench.engine._parts.context.database.all("SELECT failures, infra_failures FROM tasks")
    assert [(row["failures"], row["infra_failures"]) for row in rows] == [(0, 0), (1, 1)]
    causes = [run.cause for run in (await bench.engine.task(f"{goal}/both")).runs]
    assert causes == [ExitCause.LOST, ExitCause.SIGNAL, None]


@pytest.mark.parametrize(
    "reason",
    [
        OSError("no such device"),
        DaemonUnavailable("no container daemon answers"),
        OutcomeUnknown("nobody answered within 10 s"),
    ],
    ids=["raises", "no daemon", "hangs"],
)
async def test_r30_a_start_that_fails_waits_longer_each_time_then_asks(on: Open, reason: Exception) -> None:
    machine = Refusing()
    machine.reason = reason
    bench = await on(machine, infra_retries=4, retry_backoff=0.02)
    goal = (await bench.goal(goal_file({"id": "never", "run": "exit 0"}))).id
    await waits_then_asks(bench, goal)


async def test_r30_a_work_folder_that_cannot_be_made_waits_then_asks(on: Open, project: Path) -> None:
    (project / "work").write_text("a file where folders should be made")
    bench = await on(FallingMachine(), infra_retries=4, retry_backoff=0.02)
    goal = (await bench.goal(goal_file({"id": "never", "run": "exit 0"}))).id
    await waits_then_asks(bench, goal)


async def waits_then_asks(bench: Bench, goal: str) -> None:
    """Five starts, each after a longer wait than the one before may have been, and no sixth."""
    await bench.waiting(goal)
    task = await bench.engine.task(f"{goal}/never")
    assert task.state is TaskState.BLOCKED
    assert {run.cause for run in task.runs} == {ExitCause.START_ERROR}
    assert [decision.kind for decision in await bench.engine.decisions()] == [DecisionKind.SPAWN_FAILURE]
    for n, (earlier, later) in enumerate(pairwise(task.runs)):
        assert earlier.ended_at is not None
        assert (later.created_at - earlier.ended_at).total_seconds() >= 0.75 * 0.02 * 2**n
    assert len(task.runs) == 5


@pytest.mark.parametrize("reason", [ImageNotFound("no image x"), Invalid("it names no program")], ids=["image", "spec"])
async def test_r30_what_no_retry_can_help_asks_at_once(on: Open, reason: Exception) -> None:
    machine = Refusing()
    machine.reason = reason
    bench = await on(machine)
    goal = (await bench.goal(goal_file({"id": "never", "run": "exit 0"}))).id
    await bench.waiting(goal)
    task = await bench.engine.task(f"{goal}/never")
    assert (task.state, len(task.runs)) == (TaskState.BLOCKED, 1)


async def test_r29_what_a_full_store_kept_from_being_told_is_told_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def full(tx: Tx, goal: str) -> None:
        if not refused:
            refused.append(goal)
            raise StoreError("the disk is full")
        announce_waiting(tx, goal)

    monkeypatch.setattr("engine.dispatch.announcing.announce_waiting", full)
    monkeypatch.setattr("engine.dispatch.scheduler.STORE_RETRY", 0.01)
    goal = await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}))
    [told] = await seen(bench, EventType.GOAL_WAITING)
    assert refused == [told.goal] == [goal.id]
