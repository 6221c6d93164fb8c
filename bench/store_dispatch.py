"""No-op tasks per second through the real store and dispatcher at `synchronous=FULL`.

A run does every store step of a real one (claim, starting, started, ended, roll-up, events) and nothing outside the
store. The reference is SQLite alone: the very same statements, in the same groups, against a fresh file.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

from bench import Measured, report
from engine.api import CreateGoal, Snapshot
from engine.collector import leave_alone_what_is_loaded
from engine.dispatch.claims import Begun, mark_all_started, mark_all_starting
from engine.dispatch.endings.ending import Ending
from engine.dispatch.runs import live
from engine.dispatch.runs.life import LiveRun
from engine.errors import Unavailable
from engine.events import Event, EventType
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, ExitCause, Runtime
from engine.sandbox.driver import Driver, DriverHealth
from engine.settings import Settings, load_settings
from engine.store import Share

TASKS = 1000
ROUNDS = 5  # the best one counts: a machine shared with others is slower now and then, and never faster
LIMIT = 60.0  # seconds one round may take
Statement = tuple[str, str, Any]


class NoOpRun(LiveRun):
    """A run whose sandbox starts and succeeds at once, without one."""

    async def drive(self) -> None:
        database, run = self._context.database, self.claimed.run
        await database.write(Share(mark_all_starting, run.id))
        await database.write(Share(mark_all_started, Begun(run, None)))
        await self.end(Ending(ExitCause.EXIT, "", 0))


class Nowhere:
    """The part of a driver that is asked for before anything starts."""

    name, confined = DriverName.PROCESS, True

    async def check(self) -> DriverHealth:
        return DriverHealth("no-op")

    async def require_image(self, image: str) -> str:
        return image

    def work_folder(self, run: str) -> Path:
        raise Unavailable("nothing runs here")

    async def list_owned(self) -> list[str]:
        return []

    async def close(self) -> None:
        return None


class Recording(sqlite3.Connection):
    """A connection that notes what it is told, in order."""

    told: dict[int, list[Statement]] = {}  # noqa: RUF012  # one log per connection, read after the run

    def _note(self, how: str, sql: str, params: Any) -> None:
        self.told.setdefault(id(self), []).append((how, sql, params))

    def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
        self._note("execute", sql, params)
        return super().execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        rows = list(rows)
        self._note("executemany", sql, rows)
        return super().executemany(sql, rows)

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        self._note("executescript", sql, None)
        return super().executescript(sql)


def goal() -> str:
    rows = "\n".join(f'    - {{id: t{n}, run: "true"}}' for n in range(TASKS))
    return f"goal: no-op\npolicy: {{max_parallel: 1000}}\ntasks:\n - id: all\n   order: parallel\n   tasks:\n{rows}\n"


def settings(folder: Path) -> Settings:
    flags = {"engine.max_parallel": 1000, "engine.spawn_rate": 10 * TASKS}
    return load_settings(folder / "none.toml", environ={}, flags=flags)


async def round_trip(folder: Path, mark: Callable[[], None] = lambda: None) -> float:
    """Seconds from the goal's start to its end."""
    drivers = {DriverName.PROCESS: cast(Driver, Nowhere())}
    opened = await open_local(folder, settings(folder), drivers=drivers)
    leave_alone_what_is_loaded()  # as every process that owns an engine does
    try:
        created = await opened.create_goal(CreateGoal(source=goal(), runtime=Runtime.PROCESS, start=False))
        ended = asyncio.create_task(_ended(opened))
        await asyncio.sleep(0.05)
        mark()
        start = time.perf_counter()
        await opened.start_goal(created.id)
        async with asyncio.timeout(LIMIT):
            await ended
        return time.perf_counter() - start
    finally:
        await opened.close()


async def _ended(opened: LocalEngine) -> None:
    async for update in opened.subscribe():
        if isinstance(update, Event) and update.type is EventType.GOAL_ENDED:
            return
        assert isinstance(update, Event | Snapshot), "the benchmark's own subscriber lagged"


def replayed(folder: Path) -> float:
    """Seconds that SQLite alone needs for the statements of one recorded round, groups and all."""
    plain = sqlite3.connect
    Recording.told.clear()
    marks: list[dict[int, int]] = []
    sqlite3.connect = partial(plain, factory=Recording)  # type: ignore[assignment]
    try:
        (folder / "recorded").mkdir()
        mark = partial(_mark, marks)
        asyncio.run(round_trip(folder / "recorded", mark))
    finally:
        sqlite3.connect = plain
    writer, told = max(Recording.told.items(), key=lambda item: len(item[1]))
    connection = plain(folder / "replayed.db", isolation_level=None, cached_statements=512)
    try:
        connection.row_factory = sqlite3.Row
        begun = marks[0][writer]
        _replay(connection, told[:begun])
        start = time.perf_counter()
        _replay(connection, told[begun:])
        return time.perf_counter() - start
    finally:
        connection.close()


def _mark(marks: list[dict[int, int]]) -> None:
    marks.append({connection: len(told) for connection, told in Recording.told.items()})


def _replay(connection: sqlite3.Connection, told: list[Statement]) -> None:
    for how, sql, params in told:
        if how == "execute":
            connection.execute(sql, params).fetchall()
        elif how == "executemany":
            connection.executemany(sql, params)
        else:
            connection.executescript(sql)


def main() -> None:
    live.LiveRun = NoOpRun  # type: ignore[attr-defined]  # its driver of runs, taken by name
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = []
        for number in range(ROUNDS):
            place = folder / f"round-{number}"
            place.mkdir()
            seconds.append(asyncio.run(round_trip(place)))
        alone = replayed(folder)
    report(
        Measured(
            "store_dispatch",
            TASKS / min(seconds),
            "tasks/s",
            TASKS / alone,
            "SQLite alone, same statements",
            target=2000,
        )
    )


if __name__ == "__main__":
    main()
