"""Seconds from opening an engine to its having every live run in hand again: 1,000 tasks, 100 live sandboxes.

An engine is left behind as kill -9 leaves it, with its sandboxes alive; the next one opens the store, rebuilds the
graph, adopts each sandbox by its name and removes what no run owns. The sandboxes are scripted: what a container daemon
takes to answer is not ours. The reference is SQLite alone, reading every row of the same store.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median
from typing import cast

from bench import Measured, report
from engine.api import CreateGoal
from engine.events import Event, EventType
from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, Runtime, Stream
from engine.paths import ProjectPaths
from engine.sandbox.driver import Chunk, Driver, DriverHealth, Exit, OwnedSandbox, SandboxSpec, Started, Stats
from engine.settings import Settings, load_settings

TASKS = 1000
LIVE = 100
ROUNDS = 3
LIMIT = 120.0  # seconds one step may take


class Lasting:
    """Sandboxes that outlive the engines: they print nothing and do not end."""

    name, confined = DriverName.PROCESS, True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._specs: dict[str, SandboxSpec] = {}
        self.forget()

    def forget(self) -> None:
        """Nobody waits for any of them, on the loop that runs."""
        self.followed: set[str] = set()
        self.all_followed = asyncio.Event()

    async def check(self) -> DriverHealth:
        return DriverHealth("scripted")

    async def require_image(self, image: str) -> str:
        return image

    def work_folder(self, run: str) -> Path:
        return self._folder / run

    async def prepare(self, workspace: Path) -> None:
        return None

    async def start(self, spec: SandboxSpec) -> Started:
        adopted = spec.name in self._specs
        self._specs[spec.name] = spec
        return Started(spec.name, None, adopted)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        await asyncio.Event().wait()
        yield Chunk(Stream.OUT, 0, b"")

    async def wait(self, name: SafeName) -> Exit:
        self.followed.add(name)
        if len(self.followed) == LIVE:
            self.all_followed.set()
        await asyncio.Event().wait()
        return Exit(0)

    async def stats(self, name: SafeName) -> Stats:
        return Stats(0.0, 0)

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        return [OwnedSandbox(spec.name, None, True, spec.labels) for spec in self._specs.values()]

    async def close(self) -> None:
        return None


def settings(folder: Path) -> Settings:
    flags = {
        "engine.max_parallel": LIVE, "engine.spawn_rate": 10 * LIVE, "engine.memory_reserve": 0,
        "sandbox.defaults.memory": "16m",
    }  # fmt: skip
    return load_settings(folder / "none.toml", environ={}, flags=flags)


def goal() -> str:
    rows = "\n".join(f'    - {{id: t{n}, run: "true"}}' for n in range(TASKS))
    return (
        f"goal: recovery\npolicy: {{max_parallel: {LIVE}}}\ntasks:\n - id: all\n   order: parallel\n   tasks:\n{rows}\n"
    )


async def left_behind(folder: Path, driver: Lasting) -> None:
    """A project whose engine has gone while LIVE of its TASKS tasks run."""
    first = await opened(folder, driver)
    try:
        await first.create_goal(CreateGoal(source=goal(), runtime=Runtime.PROCESS))
        await seen(first, EventType.RUN_STARTED, LIVE)
    finally:
        await first.close()


async def recovered(folder: Path, driver: Lasting) -> float:
    """Seconds from nothing to every live sandbox adopted and waited for."""
    driver.forget()
    start = time.perf_counter()
    engine = await opened(folder, driver)
    try:
        async with asyncio.timeout(LIMIT):
            await driver.all_followed.wait()
        return time.perf_counter() - start
    finally:
        await engine.close()


async def opened(folder: Path, driver: Lasting) -> LocalEngine:
    return await open_local(folder, settings(folder), drivers={DriverName.PROCESS: cast(Driver, driver)})


async def seen(engine: LocalEngine, kind: EventType, times: int) -> None:
    """Return once so many events of a kind have happened since the project was made."""
    async with asyncio.timeout(LIMIT):
        async for update in engine.subscribe(0):
            times -= isinstance(update, Event) and update.type is kind
            if times <= 0:
                return


def read_alone(folder: Path) -> float:
    """Seconds in which SQLite opens the same store and hands out every row of it."""
    start = time.perf_counter()
    connection = sqlite3.connect(ProjectPaths(folder).database)
    try:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            connection.execute(f'SELECT * FROM "{table}"').fetchall()
    finally:
        connection.close()
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        driver = Lasting(folder)
        asyncio.run(left_behind(folder, driver))
        seconds, alone = [], []
        for _ in range(ROUNDS):
            alone.append(read_alone(folder))
            seconds.append(asyncio.run(recovered(folder, driver)))
    report(
        Measured(
            f"recovery of {TASKS:,} tasks and {LIVE} live sandboxes", median(seconds), "s", median(alone),
            "SQLite alone reading every row", target=3.0, smaller_is_better=True,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
