"""The SQLite file: one writer that commits in groups, a few readers (DESIGN section 4)."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiosqlite

from engine.clock import Clock
from engine.errors import StoreError
from engine.store.group import Committed, Unit, commit_group, last_seq
from engine.store.journal import journal_mode
from engine.store.migrate import migrate
from engine.store.operation import UNDER_WAY, marking
from engine.store.transaction import Params

T = TypeVar("T")

READERS = 2
BUSY_MS = 10_000
CACHE_KIB = 16_384  # of pages a group has changed: what does not fit is written to the log before its commit, and again
CHECKPOINT_PAGES = 4000  # of the log, before they go into the file: else each large group pays for that, too
GROUP_LIMIT = 500  # units per commit: bounds how long one group keeps the write lock


@dataclass
class _Waiting(Generic[T]):
    unit: Unit[T]
    done: "asyncio.Future[T]"


class Database:
    """One project's store. `write` runs a unit of work in a shared transaction; reads never wait for it.

    A unit is a plain function of a Tx, run whole in the writer's thread: it cannot be torn by a cancelled caller
    (HARDENING fact 5). Raises StoreError when the file cannot be used.
    """

    def __init__(self, clock: Clock, on_commit: Callable[[Committed], None]) -> None:
        self._clock = clock
        self._on_commit = on_commit
        self._waiting: list[_Waiting[Any]] = []
        self._news = asyncio.Event()
        self._next_seq = 1
        self._writer: aiosqlite.Connection | None = None
        self._readers: list[aiosqlite.Connection] = []
        self._loop_task: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self, path: Path) -> None:
        try:
            self._writer = await _connect(path, journal_mode(path))
            await _in_thread(self._writer, migrate)
            row = await _in_thread(self._writer, last_seq)
            self._next_seq = row + 1
            self._readers = [await _connect(path, None) for _ in range(READERS)]
        except sqlite3.Error as error:
            await self.close()
            raise StoreError(f"{path}: {error}", hint="check that it is a Pilothouse store and writable") from error
        except BaseException:
            await self.close()
            raise
        self._turn = cycle(self._readers)
        self._loop_task = asyncio.create_task(self._write_groups(), name="store-writer")  # owned here, ends in close()

    @property
    def last_seq(self) -> int:
        """The seq of the newest committed event."""
        return self._next_seq - 1

    async def write(self, unit: Unit[T]) -> T:
        """Run `unit` in the next group and return its result once it is on disk.

        Whatever the unit raises undoes it alone and reaches this caller only. A caller cancelled before its group
        begins leaves nothing; later, the unit commits all the same.
        """
        return await self._hand_in(unit)

    async def write_all(self, units: Iterable[Unit[T]]) -> list[T | BaseException]:
        """Write these side by side; what each returned or raised, in their order."""
        return await asyncio.gather(*map(self._hand_in, units), return_exceptions=True)

    def _hand_in(self, unit: Unit[T]) -> "asyncio.Future[T]":
        if self._closing or self._loop_task is None or self._loop_task.done():
            raise StoreError("the store is closed")
        operation = UNDER_WAY.get()
        if operation is not None and not operation.marked:
            unit = marking(unit, operation)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(unit, done))
        self._news.set()
        return done

    async def one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        rows = await self.all(sql, params)
        return rows[0] if rows else None

    async def all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        return await self.read(lambda connection: connection.execute(sql, params).fetchall())

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run several selects of one consistent snapshot in a reader's thread."""

        def snapshot(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")

        if self._closing:
            raise StoreError("the store is closed")
        try:
            return await _in_thread(next(self._turn), snapshot)
        except sqlite3.Error as error:
            raise StoreError(f"the store cannot be read: {error}") from error

    async def close(self) -> None:
        """Commit what waits, then close every connection."""
        self._closing = True
        self._news.set()
        if self._loop_task is not None:
            await asyncio.shield(self._loop_task)
        for connection in (*self._readers, *([self._writer] if self._writer else [])):
            await connection.close()
        self._readers, self._writer = [], None

    async def _write_groups(self) -> None:
        assert self._writer is not None
        while self._waiting or not self._closing:
            if not self._waiting:
                self._news.clear()
                await self._news.wait()
                continue
            group = [w for w in self._waiting[:GROUP_LIMIT] if not w.done.cancelled()]
            del self._waiting[:GROUP_LIMIT]
            await self._write_group(self._writer, group)

    async def _write_group(self, writer: aiosqlite.Connection, group: list[_Waiting[Any]]) -> None:
        now, began = self._clock.now(), self._clock.monotonic()
        units = [waiting.unit for waiting in group]
        try:
            outcomes, committed = await _in_thread(writer, lambda c: commit_group(c, now, self._next_seq, units))
        except sqlite3.Error as error:
            for waiting in group:
                _settle(waiting, None, StoreError(f"the store refused a write: {error}", hint="is the disk full?"))
            return
        self._next_seq += len(committed.events)
        self._on_commit(replace(committed, seconds=self._clock.monotonic() - began))
        for waiting, (result, failure) in zip(group, outcomes, strict=True):
            _settle(waiting, result, failure)


def _settle(waiting: _Waiting[Any], result: Any, failure: BaseException | None) -> None:
    if waiting.done.done():
        return
    if failure is None:
        waiting.done.set_result(result)
    else:
        waiting.done.set_exception(failure)


async def _connect(path: Path, journal: str | None) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=512)
    try:
        await _in_thread(connection, lambda c: _configure(c, journal))
    except BaseException:
        await connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, journal: str | None) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if journal is not None:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    if journal is None:
        connection.execute("PRAGMA query_only = ON")


async def _in_thread(connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    # aiosqlite offers single statements only; a unit of work must run whole in its thread, one hop per group,
    # so this one place uses the call its public methods are made of (docs/design/0003).
    return await connection._execute(work, connection._conn)  # type: ignore[no-any-return, no-untyped-call]
