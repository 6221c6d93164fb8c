"""Two processes write one store at once: none is turned away, and neither loses what the other wrote (R12)."""

import asyncio
import sqlite3
import sys
from pathlib import Path

from engine.store import Database, Tx

COUNTS = 60
COUNTING = f"""
import asyncio, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.store import Database

async def main():
    store = Database(SystemClock(), lambda committed: None)
    await store.open(Path(sys.argv[1]))
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range({COUNTS}):
        await store.write(count)
    await store.close()

def count(tx):
    value = int(tx.one("SELECT value FROM facts WHERE name = 'count'")["value"])
    tx.run("UPDATE facts SET value = ? WHERE name = 'count'", (str(value + 1),))

asyncio.run(main())
"""


def count(tx: Tx) -> None:
    """Read, then write what was read and one: a write that began without IMMEDIATE would lose some."""
    row = tx.one("SELECT value FROM facts WHERE name = 'count'")
    assert row is not None
    tx.run("UPDATE facts SET value = ? WHERE name = 'count'", (str(int(row["value"]) + 1),))


async def test_r12_two_processes_that_write_at_once_lose_nothing(database: Database, tmp_path: Path) -> None:
    await database.write(lambda tx: tx.run("INSERT INTO facts VALUES ('count', '0')"))
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COUNTING, str(tmp_path / "engine.db"), stdin=pipe, stdout=pipe, stderr=pipe
    )
    assert other.stdout is not None
    assert await other.stdout.readline() == b"open\n"
    ended = asyncio.create_task(other.communicate(b"go\n"))
    for _ in range(COUNTS):
        await database.write(count)
    _, errors = await ended
    assert (other.returncode, errors) == (0, b"")
    row = await database.one("SELECT value FROM facts WHERE name = 'count'")
    assert row is not None
    assert int(row["value"]) == 2 * COUNTS


async def test_r12_a_write_waits_for_another_process_that_holds_the_store(database: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "engine.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO facts VALUES ('first', 'theirs')")
    ours = asyncio.create_task(database.write(lambda tx: tx.run("INSERT INTO facts VALUES ('second', 'ours')")))
    done, _ = await asyncio.wait([ours], timeout=0.1)
    assert not done, "it waits its turn"
    other.execute("COMMIT")
    other.close()
    assert await ours == 1
    assert [row["name"] for row in await database.all("SELECT name FROM facts ORDER BY name")] == ["first", "second"]


async def test_r12_a_write_begins_immediate_on_every_connection_with_a_busy_timeout(database: Database) -> None:
    seen: list[str] = []

    def watch(tx: Tx) -> int:
        tx.connection.set_trace_callback(seen.append)
        return int(tx.connection.execute("PRAGMA busy_timeout").fetchone()[0])

    assert await database.write(watch) >= 1000
    await database.write(lambda tx: tx.run("INSERT INTO facts VALUES ('a', 'b')"))
    assert "BEGIN IMMEDIATE" in seen
    assert all(sql == "BEGIN IMMEDIATE" for sql in seen if sql.startswith("BEGIN"))
    assert await database.read(lambda c: int(c.execute("PRAGMA busy_timeout").fetchone()[0])) >= 1000
