"""A store that was torn, locked, held open or cannot be written (cases 3, 6, 9, 10)."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

from engine.clock import SystemClock
from engine.errors import PilothouseError, StoreError
from engine.events import EventType
from engine.local.opening import open_local
from engine.settings import Settings
from engine.store import Database, Tx

EVENTS = 80
LEFT_OPEN = f"""
import asyncio, os, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.events import EventType
from engine.store import Database

async def main():
    path = Path(sys.argv[1])
    for half in range(2):
        store = Database(SystemClock(), lambda committed: None)
        await store.open(path)
        for n in range({EVENTS} // 2):
            await store.write(lambda tx: tx.emit(EventType.ENGINE_STARTED, n=n))
        if half == 0:
            await store.close()
    os._exit(0)

asyncio.run(main())
"""
HOLDER = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute(sys.argv[2])
store.execute("SELECT count(*) FROM events").fetchall()
print("held", flush=True)
sys.stdin.read()
store.execute("ROLLBACK")
"""


def emit(tx: Tx, n: int) -> None:
    tx.emit(EventType.ENGINE_STARTED, n=n)


def new_store() -> Database:
    return Database(SystemClock(), lambda _: None)


@pytest.fixture(scope="module")
def left_open(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose engine was killed: half of its events are in the file, half in the journal."""
    path = tmp_path_factory.mktemp("left") / "engine.db"
    subprocess.run([sys.executable, "-c", LEFT_OPEN, str(path)], check=True, timeout=60)
    assert path.with_name("engine.db-wal").stat().st_size > 0
    return path


def damaged(journal: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(journal))
    match chance.choice(["cut", "zeroed", "flipped"]):
        case "cut":
            return journal[:at]
        case "zeroed":
            size = min(chance.randrange(1, 9000), len(journal) - at)
            return journal[:at] + bytes(size) + journal[at + size :]
        case _:
            return journal[:at] + bytes([journal[at] ^ (1 << chance.randrange(8))]) + journal[at + 1 :]


def torn_copy(left_open: Path, folder: Path, chance: Random) -> Path:
    path = folder / "engine.db"
    path.write_bytes(left_open.read_bytes())
    journal = left_open.with_name("engine.db-wal").read_bytes()
    path.with_name("engine.db-wal").write_bytes(damaged(journal, chance))
    return path


@pytest.mark.parametrize("seed", range(30))
async def test_case_3_a_torn_journal_opens_with_a_prefix_or_is_refused(
    left_open: Path, tmp_path: Path, seed: int
) -> None:
    path = torn_copy(left_open, tmp_path, Random(seed))
    store = new_store()
    try:
        await store.open(path)
    except StoreError:
        return  # refused in words, and with its path: test_writer says so
    try:
        seqs = [row["seq"] for row in await store.all("SELECT seq FROM events ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1))
        assert EVENTS // 2 <= len(seqs) <= EVENTS
        await store.write(partial(emit, n=0))
        assert store.last_seq == len(seqs) + 1
        (answer,) = await store.all("PRAGMA integrity_check")
        assert tuple(answer) == ("ok",)
    finally:
        await store.close()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder as nobody may write it: for root only a mount says no."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    steps = [["mount", "--bind", str(folder), str(folder)], ["mount", "-o", "remount,ro,bind", str(folder)]]
    if any(subprocess.run(step, capture_output=True, check=False).returncode != 0 for step in steps):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def contents(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


async def refused(project: Path) -> PilothouseError:
    """The typed error of an engine that cannot open, within two seconds and with every file as it was."""
    before = contents(project)
    began = time.monotonic()
    with pytest.raises(PilothouseError) as info:
        await open_local(project, Settings(), drivers={})
    assert time.monotonic() - began < 2
    assert contents(project) == before
    return info.value


async def test_case_6_a_project_that_cannot_be_written_is_refused_in_words(project: Path) -> None:
    await (await open_local(project, Settings(), drivers={})).close()
    with read_only(project):
        assert "writable" in (await refused(project)).hint


async def test_case_6_a_store_of_a_newer_schema_is_refused_untouched(project: Path) -> None:
    await (await open_local(project, Settings(), drivers={})).close()
    store = sqlite3.connect(project / ".pilothouse" / "engine.db")
    store.execute("INSERT INTO migrations (version, name) VALUES (9999, 'later')")
    store.commit()
    store.close()
    assert "9999" in (await refused(project)).message


class Holder:
    """Another process inside a transaction of its own, until it is told to let go."""

    def __init__(self, path: Path, begin: str) -> None:
        command = [sys.executable, "-c", HOLDER, str(path), begin]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def let_go(self) -> None:
        self._process.communicate(timeout=30)


async def test_case_9_a_foreign_lock_delays_writes_and_loses_none(tmp_path: Path) -> None:
    store = new_store()
    await store.open(tmp_path / "engine.db")
    try:
        holder = await asyncio.to_thread(Holder, tmp_path / "engine.db", "BEGIN IMMEDIATE")
        writes = [asyncio.create_task(store.write(partial(emit, n=n))) for n in range(50)]
        done, _ = await asyncio.wait(writes, timeout=3.0)
        assert not done
        assert await store.all("SELECT seq FROM events") == []  # readers go on meanwhile
        await asyncio.to_thread(holder.let_go)
        await asyncio.gather(*writes)
        assert len(await store.all("SELECT seq FROM events")) == 50
    finally:
        await store.close()


async def test_case_10_a_held_snapshot_lets_the_journal_grow_no_further_once_it_is_let_go(tmp_path: Path) -> None:
    journal = tmp_path / "engine.db-wal"
    store = new_store()
    await store.open(tmp_path / "engine.db")

    async def write(times: int) -> int:
        for _ in range(times):
            await asyncio.gather(*(store.write(partial(fill, n=n)) for n in range(20)))
        return journal.stat().st_size

    try:
        await write(1)
        holder = await asyncio.to_thread(Holder, tmp_path / "engine.db", "BEGIN")
        held = await write(100)
        await asyncio.to_thread(holder.let_go)
        settled = await write(100)
        assert await write(200) <= max(settled, held) * 1.1
    finally:
        await store.close()


def fill(tx: Tx, n: int) -> None:
    tx.emit(EventType.ENGINE_STARTED, n=n, text="x" * 2000)
