"""Driver calls that fail, hang, or take effect and report an error: the goal ends as without them (R19, R42, R101)."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from lasting_driver import LastingDriver

from engine.api import CreateGoal
from engine.clock import SystemClock
from engine.errors import DaemonUnavailable, OutcomeUnknown
from engine.local import LocalEngine, open_local
from engine.model import DriverName, TaskState
from engine.settings import EngineSettings, Settings

CALLS = ("start", "wait", "stop", "kill", "remove", "list_owned")
LIMIT = 25  # faults of one engine: after them the daemon is well again
HANG = 0.1  # seconds, as a call that ran into its deadline
SETTINGS = Settings(
    engine=EngineSettings(infra_retries=100, retry_backoff=0.01, reconcile_interval=0.05, breaker_losses=1000)
)


class HastyClock(SystemClock):
    """Waits of the engine itself are short; what its records say is true."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


class FaultyDriver:
    """Two of five calls go wrong, until there were enough of them."""

    def __init__(self, driver: LastingDriver, chance: Random) -> None:
        self._driver, self._chance = driver, chance
        self.faults: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name not in CALLS:
            return found

        async def call(*args: Any) -> Any:
            kind = self._chance.choice(["well", "well", "well", "refused", "unknown", "hangs"])
            if kind == "well" or len(self.faults) >= LIMIT:
                return await found(*args)
            self.faults.append(f"{kind} {name}")
            if kind == "refused":
                raise DaemonUnavailable(f"{name}: connection refused")
            await found(*args)
            if kind == "hangs":
                await asyncio.sleep(HANG)
            raise OutcomeUnknown(f"{name}: it may have happened")

        return call


def goal_file() -> str:
    tasks = [{"id": f"t{n}", "run": run} for n, run in enumerate(["exit 0", "brief", "exit 3", "hang", "brief"])]
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    last = {"id": "last", "run": "brief"}
    return json.dumps({"goal": "test", "runtime": "process", "tasks": [{"id": "top", "order": "parallel",
                       "on_failure": "continue", "tasks": [group, last]}]})  # fmt: skip


async def outcome(engine: LocalEngine) -> dict[str, object]:
    """Run the goal to its end, cancelling what never ends by itself; every task's state and how its last run ended."""
    goal = (await engine.create_goal(CreateGoal(source=goal_file(), path="/goals/goal.yaml"))).id
    cancelled = False
    async with asyncio.timeout(60), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            endless = await engine.task(f"{goal}/t3")
            if endless.state is TaskState.RUNNING and not cancelled:
                cancelled = True
                await engine.cancel(endless.id)
            if (await engine.status(goal)).goals[0].ended_at is not None:
                break
    found: dict[str, object] = {"goal": (await engine.status(goal)).goals[0].state}
    for key in ("t0", "t1", "t2", "t3", "t4", "last"):
        task = await engine.task(f"{goal}/{key}")
        found[key] = (task.state, [(run.cause, run.exit_code) for run in task.runs if run.cause != "start_error"])
    return found


async def without_leftovers(driver: LastingDriver) -> None:
    """Until reconciling has removed every sandbox; which it does without an event."""
    async with asyncio.timeout(30):
        while await driver.list_owned():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", [1, 3, 5, 6])
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
    assert between.faults
    assert found[0] == found[1], between.faults
