"""The single writer: group commit, isolation of units, cancellation (R1, R4, R5; HARDENING case 8)."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import Conflict, StoreError
from engine.events import EventType
from engine.store import Committed, Database, Tx


def set_fact(tx: Tx, name: str, value: str) -> None:
    tx.run("INSERT INTO facts VALUES (?, ?)", (name, value))
    tx.emit(EventType.ENGINE_STARTED, name=name)


def refuse(tx: Tx) -> None:
    set_fact(tx, "half", "written")
    raise ValueError("no")


async def test_r4_a_failing_unit_undoes_only_itself(database: Database, commits: list[Committed]) -> None:
    results = await asyncio.gather(
        database.write(partial(set_fact, name="one", value="1")),
        database.write(refuse),
        database.write(partial(set_fact, name="two", value="2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    names = [row["name"] for row in await database.all("SELECT name FROM facts ORDER BY name")]
    assert names == ["one", "two"]
    published = [event.data["name"] for commit in commits for event in commit.events]
    assert published == ["one", "two"]  # R5: what was rolled back is never published


async def test_r4_an_event_that_cannot_be_stored_fails_its_own_unit_only(database: Database) -> None:
    results = await asyncio.gather(
        database.write(partial(set_fact, name="one", value="1")),
        database.write(lambda tx: tx.emit(EventType.ENGINE_STARTED, name=object())),
        database.write(partial(set_fact, name="two", value="2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), TypeError, type(None)]
    await database.write(partial(set_fact, name="three", value="3"))
    assert len(await database.all("SELECT seq FROM events")) == 3


async def test_r5_seq_has_no_gap_and_follows_commit_order(database: Database, commits: list[Committed]) -> None:
    units = [partial(set_fact, name=f"n{n}", value="") if n % 3 else refuse for n in range(60)]
    await asyncio.gather(*map(database.write, units), return_exceptions=True)
    published = [event.seq for commit in commits for event in commit.events]
    stored = [row["seq"] for row in await database.all("SELECT seq FROM events ORDER BY seq")]
    assert published == stored == list(range(1, 41))


async def test_r4_a_constraint_becomes_a_conflict_and_the_writer_goes_on(database: Database) -> None:
    await database.write(partial(set_fact, name="same", value="1"))
    with pytest.raises(Conflict):
        await database.write(partial(set_fact, name="same", value="2"))
    await database.write(partial(set_fact, name="other", value="3"))
    row = await database.one("SELECT value FROM facts WHERE name = 'same'")
    assert row is not None
    assert row["value"] == "1"


async def test_writes_that_wait_share_one_commit(database: Database, commits: list[Committed]) -> None:
    await asyncio.gather(*(database.write(partial(set_fact, name=f"n{n}", value="")) for n in range(100)))
    assert len(commits) <= 2


def both(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO facts VALUES (?, 'left')", (f"{name} left",))
    tx.run("INSERT INTO facts VALUES (?, 'right')", (f"{name} right",))


async def test_case_8_cancelled_writers_leave_no_half_and_no_lock(database: Database, tmp_path: Path) -> None:
    writes = [asyncio.create_task(database.write(partial(both, name=f"{n:03}"))) for n in range(600)]
    await asyncio.sleep(0)
    for task in writes[::2]:
        task.cancel()
    results = await asyncio.gather(*writes, return_exceptions=True)
    kept = {row["name"] for row in await database.all("SELECT name FROM facts")}
    for n, result in enumerate(results):
        sides = {f"{n:03} left", f"{n:03} right"}
        assert sides <= kept or (isinstance(result, asyncio.CancelledError) and not sides & kept)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 300
    with closing(sqlite3.connect(tmp_path / "engine.db", timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # at once, or `database is locked`
        other.execute("ROLLBACK")
    await asyncio.wait_for(database.write(partial(set_fact, name="next", value="")), 20)


async def test_every_commit_is_on_the_disk_before_it_is_answered(database: Database) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("synchronous", "journal_mode", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database.write(lambda tx: pragmas(tx.connection)) == [2, "wal", 1]


async def test_a_closed_store_refuses_with_words(tmp_path: Path) -> None:
    store = Database(SystemClock(), lambda _: None)
    await store.open(tmp_path / "engine.db")
    await store.write(partial(set_fact, name="kept", value=""))
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.write(partial(set_fact, name="late", value=""))
    assert sqlite3.connect(tmp_path / "engine.db").execute("SELECT name FROM facts").fetchall() == [("kept",)]


async def test_r1_two_writers_on_one_version_one_wins(database: Database) -> None:
    def guarded(tx: Tx, mine: str) -> int:
        return tx.run("UPDATE facts SET value = ? WHERE name = 'row' AND value = 'old'", (mine,))

    await database.write(partial(set_fact, name="row", value="old"))
    counts = await asyncio.gather(*(database.write(partial(guarded, mine=str(n))) for n in range(8)))
    assert sorted(counts) == [0] * 7 + [1]


async def test_a_reader_sees_one_snapshot_while_a_writer_goes_on(database: Database) -> None:
    def twice(connection: sqlite3.Connection) -> tuple[int, int]:
        first = connection.execute("SELECT count(*) FROM facts").fetchone()[0]
        return first, connection.execute("SELECT count(*) FROM facts").fetchone()[0]

    writes = asyncio.gather(*(database.write(partial(set_fact, name=f"n{n}", value="")) for n in range(50)))
    first, second = await database.read(twice)
    await writes
    assert first == second


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError, match=r"readonly|read-only"):
        await database.read(lambda connection: connection.execute("DELETE FROM facts").rowcount)


@pytest.mark.parametrize("content", [b"this is not a database, whatever its name says" * 50])
async def test_case_6_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "engine.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)):
        await Database(SystemClock(), lambda _: None).open(path)
    assert path.read_bytes() == content
