"""Milliseconds from a person's approval to the call that creates the sandbox of what waited for it.

The driver is scripted: what a daemon takes to answer is not ours. Between the two lie three commits: the answer, the
claim, and the word that a sandbox of this name may exist from here on. The reference is three commits of one event each
at `synchronous=FULL`, one after the other on the same store.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from bench import Measured, report
from bench.recovery import Lasting, seen
from engine.api import Answer, CreateGoal
from engine.collector import leave_alone_what_is_loaded
from engine.events import EventType
from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DriverName, Runtime
from engine.sandbox.driver import Chunk, Driver, Exit, SandboxSpec, Started
from engine.settings import Settings, load_settings

APPROVALS = 200
COMMITS = 3  # between the answer and the call
LIMIT = 60.0  # seconds one step may take


class Ending(Lasting):
    """Sandboxes that end at once; `started` holds when the creation of the newest one was asked for."""

    started: "asyncio.Future[float]"

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        for chunk in ():
            yield chunk

    async def start(self, spec: SandboxSpec) -> Started:
        self.started.set_result(time.perf_counter())
        return Started(spec.name, None, adopted=False)

    async def wait(self, name: SafeName) -> Exit:
        return Exit(0)

    async def kill(self, name: SafeName) -> None:
        return None

    async def remove(self, name: SafeName) -> None:
        return None


def goal() -> str:
    gates = [{"id": f"g{n}", "gate": {"kind": "human_approval"}} for n in range(APPROVALS)]
    work = [{"id": f"t{n}", "run": "true", "needs": [f"g{n}"]} for n in range(APPROVALS)]
    return json.dumps({"goal": "approvals", "tasks": [{"id": "all", "order": "parallel", "tasks": gates + work}]})


def settings(folder: Path) -> Settings:
    flags = {"engine.spawn_rate": 10 * APPROVALS, "engine.memory_reserve": 0}
    return load_settings(folder / "none.toml", environ={}, flags=flags)


async def approved(engine: LocalEngine, driver: Ending) -> list[float]:
    """Seconds from each answer to the call, one after the other."""
    took = []
    for decision in await engine.decisions():
        driver.started = asyncio.get_running_loop().create_future()
        yes = Answer(version=decision.version, answer=AnswerKind.APPROVE)
        begun = time.perf_counter()
        await engine.answer(decision.id, yes)
        async with asyncio.timeout(LIMIT):
            took.append(await driver.started - begun)
            await engine._parts.live.ended()
    return took


async def committed(engine: LocalEngine) -> list[float]:
    """Seconds for as many bare commits, one after the other."""
    write, took = engine._parts.context.database.write, []
    for n in range(APPROVALS):
        begun = time.perf_counter()
        for _ in range(COMMITS):
            await write(lambda tx, n=n: tx.emit(EventType.ENGINE_DEGRADED, n=n))  # type: ignore[misc]
        took.append(time.perf_counter() - begun)
    return took


async def measure(project: Path) -> Measured:
    driver = Ending(project)
    drivers = {DriverName.PROCESS: cast(Driver, driver)}
    engine = await open_local(project, settings(project), drivers=drivers)
    leave_alone_what_is_loaded()  # as every process that owns an engine does
    try:
        await engine.create_goal(CreateGoal(source=goal(), runtime=Runtime.PROCESS, allow_unconfined=True))
        await seen(engine, EventType.DECISION_OPENED, APPROVALS)
        alone = p95(await committed(engine))
        took = p95(await approved(engine, driver))
    finally:
        await engine.close()
    return Measured(
        "approval to the sandbox's creation, p95", took, "ms", alone, f"{COMMITS} events committed one by one",
        target=20.0, smaller_is_better=True,
    )  # fmt: skip


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)] * 1000


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        report(asyncio.run(measure(Path(folder))))
