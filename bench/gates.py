"""What open gates cost: CPU of an engine at rest with 1,000 of them, and the time from a signal to its resolved gate.

The references are the same engine without a gate, and one event committed by itself at `synchronous=FULL`.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from bench import Measured, report
from bench.store_dispatch import Nowhere
from engine.api import CreateGoal, Signal
from engine.events import Event, EventType
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, Runtime
from engine.sandbox.driver import Driver
from engine.settings import Settings

GATES = 1000
SIGNALS = 300
REST = 6.0  # seconds of rest that are measured
SETTLE = 2.0  # seconds before that
LIMIT = 120.0  # seconds until all gates are open
FLOOR = 0.005  # share of one core below which nothing is told apart


async def at_rest() -> float:
    """CPU seconds of this process per second, while nothing happens."""
    await asyncio.sleep(SETTLE)
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(REST)
    return (time.process_time() - cpu) / (time.monotonic() - wall)


async def open_gates(engine: LocalEngine) -> None:
    """A goal with all the gates, once each of them is open."""
    tasks = [{"id": f"g{n}", "gate": {"kind": "webhook", "name": "done", "key": f"k{n}"}} for n in range(GATES)]
    goal = {"goal": "gates", "tasks": [{"id": "all", "order": "parallel", "tasks": tasks}]}
    request = CreateGoal(source=json.dumps(goal), runtime=Runtime.PROCESS)
    found = await engine.create_goal(request)
    opened = 0
    async with asyncio.timeout(LIMIT):
        async for update in engine.subscribe(0):
            opened += isinstance(update, Event) and update.type is EventType.GATE_OPENED
            if opened == GATES:
                break
    assert len((await engine.status(found.id)).goals[0].waiting_on) == GATES


async def p95(once: Callable[[int], Awaitable[object]]) -> float:
    """Milliseconds that 95 of 100 calls stay under, one after the other."""
    took = []
    for n in range(SIGNALS):
        begun = time.perf_counter()
        await once(n)
        took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)[int(len(took) * 0.95)]


async def measure(project: Path) -> list[Measured]:
    drivers = {DriverName.PROCESS: cast(Driver, Nowhere())}
    engine = await open_local(project, Settings(), drivers=drivers)
    database = engine._parts.context.database
    try:
        alone = await at_rest()
        await open_gates(engine)
        with_gates = await at_rest()
        commit = await p95(lambda n: database.write(lambda tx: tx.emit(EventType.ENGINE_DEGRADED, n=n)))
        signal = await p95(lambda n: engine.signal(_signal(n)))
    finally:
        await engine.close()
    idle = max(FLOOR, alone)
    return [
        Measured(f"CPU at rest with {GATES:,} open gates", max(FLOOR, with_gates), "cores", idle, "no gate at all",
                 target=0.02, smaller_is_better=True),
        Measured("signal to resolved gate, p95", signal, "ms", commit, "one event committed", target=20.0,
                 smaller_is_better=True),
    ]  # fmt: skip


def _signal(n: int) -> Signal:
    return Signal.model_validate({"type": "webhook", "status": "pass", "name": "done", "key": f"k{n}"})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        report(*asyncio.run(measure(Path(folder))))
