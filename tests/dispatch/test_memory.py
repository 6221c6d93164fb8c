"""Memory admission: checked and taken inside the claim, and `why` names what takes it (R25, R29, R44)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.dispatch.limits.memory import HostMemory, host_memory
from engine.local.opening import open_local
from engine.model import DriverName, GoalState
from engine.settings import EngineSettings, Settings

MB = 1024**2
Open = Callable[..., Awaitable[Bench]]


@dataclass
class Host:
    """A machine whose free memory the test sets."""

    free: int
    total: int = 8192 * MB

    def measure(self) -> HostMemory:
        return HostMemory(self.total, self.free)


@pytest.fixture
def host() -> Host:
    return Host(1024 * MB)


@pytest.fixture
async def opened(project: Path, host: Host) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(**engine: object) -> Bench:
            driver = ScriptedDriver(root=project)
            values = {"reconcile_interval": 3600, "max_parallel": 10, "memory_reserve": 0}
            settings = Settings(engine=EngineSettings.model_validate(values | engine))
            local = await open_local(
                project, settings, random=Random(7), drivers={DriverName.PROCESS: driver}, memory=host.measure
            )
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


def sized(key: str, memory: str, run: str = "hang") -> dict[str, object]:
    return {"id": key, "run": run, "sandbox": {"memory": memory}}


def group(*tasks: dict[str, object]) -> str:
    return goal_file({"id": "all", "order": "parallel", "tasks": list(tasks)})


def live(states: dict[str, str]) -> list[str]:
    return sorted(key for key, state in states.items() if state == "running" and key != "all")


async def test_r25_limits_of_live_sandboxes_never_exceed_what_is_free(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(group(*(sized(f"t{n:02}", "256m", "exit 0") for n in range(30))))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert 1 <= bench.driver.busiest <= 4


async def test_why_says_what_a_task_waits_for_and_what_takes_it(opened: Open, host: Host) -> None:
    host.free = 900 * MB
    bench = await opened(memory_reserve="100m")
    goal = await bench.goal(group(sized("build", "500m"), sized("check", "300m"), sized("third", "512m")))
    await bench.until(goal.id, lambda _, states: live(states) == ["build", "check"])
    host.free = 300 * MB
    (reason,) = (await bench.engine.why(f"{goal.id}/third")).reasons
    assert reason == (
        "waits for 512 MB, host has 300 MB free: build may take 500 MB, check may take 300 MB, "
        "100 MB is kept free (engine.memory_reserve)"
    )
    host.free = 4096 * MB
    bench.driver.finish()  # any end, and the safety timer, look at the memory again
    await bench.until(goal.id, lambda _, states: live(states) == ["third"])
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_a_task_too_big_for_now_lets_a_smaller_one_pass(opened: Open) -> None:
    bench = await opened()
    big = [sized(f"big{n}", "2g") | {"priority": 9} for n in range(12)]
    goal = await bench.goal(group(*big, sized("small", "512m")))
    await bench.until(goal.id, lambda _, states: live(states) == ["small"])
    (reason,) = (await bench.engine.why(f"{goal.id}/big3")).reasons
    assert reason == "waits for 2 GB, host has 1 GB free: small may take 512 MB"


async def test_r29_a_task_bigger_than_the_host_is_told_so(opened: Open, host: Host) -> None:
    bench = await opened()
    goal = await bench.goal(group(sized("giant", "16g"), sized("small", "512m")))
    await bench.until(goal.id, lambda _, states: live(states) == ["small"])
    (reason,) = (await bench.engine.why(f"{goal.id}/giant")).reasons
    assert reason.endswith("this host has 8 GB in all: give the task a smaller sandbox.memory")


async def test_memory_that_becomes_free_is_seen_without_any_other_event(
    opened: Open, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dispatch.scheduler.SAFETY_TIMER", 0.05)
    host.free = 0
    bench = await opened()
    goal = await bench.goal(group(sized("only", "512m", "exit 0")))
    (reason,) = (await bench.engine.why(f"{goal.id}/only")).reasons
    assert reason == "waits for 512 MB, host has 0 B free: other programs have the rest"
    host.free = 600 * MB
    async with asyncio.timeout(20):
        assert (await bench.ended(goal.id)).state is GoalState.DONE


def test_the_machine_says_what_it_has() -> None:
    memory = host_memory()
    assert 0 < memory.free <= memory.total
