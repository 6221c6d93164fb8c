"""Driver calls that fail, hang, or take effect and report an error: the goal ends as without them (R19, R42, R101)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from faulty_driver import LIMIT, FaultyDriver
from lasting_driver import LastingDriver
from seeds import seeds

from engine.api import CreateGoal, SandboxOrder
from engine.clock import SystemClock
from engine.errors import IllegalMove, Unavailable
from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, TaskState
from engine.settings import EngineSettings, Settings

SETTINGS = Settings(
    engine=EngineSettings(
        infra_retries=100, retry_backoff=0.01, reconcile_interval=0.05, breaker_losses=1000, stall_interval=1
    )
)


class HastyClock(SystemClock):
    """Waits of the engine itself are short; what its records say is true."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


def goal_file() -> str:
    tasks = [{"id": f"t{n}", "run": run} for n, run in enumerate(["exit 0", "brief", "exit 3", "hang", "brief"])]
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    last = {"id": "last", "run": "brief"}
    return json.dumps({"goal": "test", "runtime": "process", "tasks": [{"id": "top", "order": "parallel",
                       "on_failure": "continue", "tasks": [group, last]}]})  # fmt: skip


async def outcome(engine: LocalEngine) -> dict[str, object]:
    """Run the goal to its end, cancelling what never ends by itself; every task's state and how its last run ended."""
    goal = await created(engine)
    cancelled = False
    async with asyncio.timeout(60), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            endless = await engine.task(f"{goal}/t3")
            if endless.state is TaskState.RUNNING and not cancelled:
                cancelled = True
                for order in (SandboxOrder.FREEZE, SandboxOrder.THAW):
                    await insisted(partial(engine.order_sandbox, endless.runs[-1].sandbox, order))
                await insisted(partial(measured, engine, endless.runs[-1].sandbox))
                await engine.cancel(endless.id)
            if (await engine.status(goal)).goals[0].ended_at is not None:
                break
    found: dict[str, object] = {"goal": (await engine.status(goal)).goals[0].state}
    for key in ("t0", "t1", "t2", "t3", "t4", "last"):
        task = await engine.task(f"{goal}/{key}")
        found[key] = (task.state, [(run.cause, run.exit_code) for run in task.runs if run.cause != "start_error"])
    return found


async def created(engine: LocalEngine) -> str:
    """The goal, made by somebody who asks again: what was refused has left nothing."""
    request = CreateGoal(source=goal_file(), path="/goals/goal.yaml")
    await insisted(partial(engine.create_goal, request))
    (goal,) = (await engine.status()).goals
    return goal.id


async def insisted(order: Callable[[], Awaitable[object]]) -> None:
    """Give an order until it is taken; one that took effect all the same is refused the next time."""
    while True:
        try:
            await order()
        except (Unavailable, RuntimeError):
            continue
        except IllegalMove:
            return
        return


async def measured(engine: LocalEngine, sandbox: str) -> None:
    """The calls that no order of this goal needs."""
    (driver,) = engine._parts.context.drivers.values()
    await driver.stats(SafeName(sandbox))
    await driver.exec(SafeName(sandbox), ["true"])


async def without_leftovers(driver: LastingDriver) -> None:
    """Until reconciling has removed every sandbox; which it does without an event."""
    async with asyncio.timeout(30):
        while await driver.list_owned():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", seeds(1, 3, 6))
async def test_r19_r42_r101_faults_of_the_driver_change_no_end_and_leave_no_second_sandbox(
    tmp_path: Path, seed: int
) -> None:
    found = []
    for faulty in (False, True):
        project = tmp_path / f"faulty-{faulty}"
        driver = LastingDriver(project)
        between = FaultyDriver(driver, Random(seed))
        drivers: Any = {DriverName.PROCESS: between if faulty else driver}
        engine = await open_local(project, SETTINGS, clock=HastyClock(), random=Random(7), drivers=drivers)
        try:
            found.append(await outcome(engine))
            await without_leftovers(driver)
        finally:
            await engine.close()
        ledger = (project / "ledger").read_text().splitlines()
        assert [line for line in ledger if line.startswith("twice")] == [], between.faults
        assert engine._parts.fatal is None, between.faults
    assert between.faults
    assert found[0] == found[1], between.faults


async def test_r42_a_driver_that_raises_what_it_never_should_is_told_once_and_tried_again(tmp_path: Path) -> None:
    driver = LastingDriver(tmp_path)
    calls = ("list_owned", "kill", "remove", "stats")
    between = FaultyDriver(driver, Random(1), kinds=("odd",), calls=calls, each=LIMIT // len(calls))
    drivers: Any = {DriverName.PROCESS: between}
    engine = await open_local(tmp_path, SETTINGS, clock=HastyClock(), random=Random(7), drivers=drivers)
    try:
        await outcome(engine)
        await without_leftovers(driver)
        degraded = [event for event in await engine.events(0, 10_000) if event.type == "engine.degraded"]
        assert engine._parts.fatal is None
    finally:
        await engine.close()
    assert {fault.split()[1] for fault in between.faults} >= {"list_owned", "kill", "stats"}
    assert "what no driver should raise" in str(degraded[0].data["message"])
    assert len(degraded) < len(between.faults)
