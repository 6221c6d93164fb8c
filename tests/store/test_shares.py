"""Units that are done at once for many: each caller has its own answer all the same (R3, R4, R5; HARDENING case 8)."""

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

import pytest

from engine.errors import Conflict
from engine.events import EventType
from engine.store import Committed, Database, Share, Tx
from engine.store.operation import UNDER_WAY, Operation


class Noting:
    """A change for many, which refuses names that begin with `bad`, each time after all it was given is written."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []

    def __call__(self, tx: Tx, names: Sequence[str]) -> list[str]:
        self.given.append(list(names))
        tx.many("INSERT INTO facts VALUES (?, '')", [(name,) for name in names])
        for name in names:
            tx.emit(EventType.ENGINE_STARTED, name=name)
        if any(name.startswith("bad") for name in names):
            raise ValueError("no")
        return [name.upper() for name in names]


async def names_in(database: Database) -> list[str]:
    return [row["name"] for row in await database.all("SELECT name FROM facts ORDER BY rowid")]


def told(commits: list[Committed]) -> list[object]:
    return [event.data["name"] for commit in commits for event in commit.events]


async def test_shares_that_wait_side_by_side_are_done_at_once(database: Database, commits: list[Committed]) -> None:
    note = Noting()
    assert await database.write_all([Share(note, name) for name in ("a", "b", "c")]) == ["A", "B", "C"]
    assert note.given == [["a", "b", "c"]]
    assert await names_in(database) == told(commits) == ["a", "b", "c"]
    assert len(commits) == 1


async def test_r4_a_failing_share_harms_no_other_of_its_group(database: Database, commits: list[Committed]) -> None:
    note = Noting()
    results = await database.write_all([Share(note, name) for name in ("a", "bad 1", "b", "bad 2", "c")])
    assert [result if isinstance(result, str) else type(result) for result in results] == [
        "A", ValueError, "B", ValueError, "C",
    ]  # fmt: skip
    assert note.given == [["a", "bad 1", "b", "bad 2", "c"], ["a"], ["bad 1"], ["b"], ["bad 2"], ["c"]]
    assert await names_in(database) == told(commits) == ["a", "b", "c"]  # R5: what was undone is not told
    assert [event.seq for commit in commits for event in commit.events] == [1, 2, 3]


async def test_r4_a_share_that_the_store_refuses_is_a_conflict_of_its_own_caller(database: Database) -> None:
    note = Noting()
    results = await database.write_all([Share(note, name) for name in ("same", "other", "same")])
    assert results[:2] == ["SAME", "OTHER"]
    assert isinstance(results[2], Conflict)
    assert await names_in(database) == ["same", "other"]


async def test_r5_what_was_handed_in_first_is_done_first(database: Database, commits: list[Committed]) -> None:
    """Only neighbours are done at once: nothing overtakes what stands between them."""
    one, two, alone = Noting(), Noting(), Noting()
    units = [Share(one, "1"), Share(one, "2"), Share(two, "3"), partial(alone, names=["4"]), Share(one, "5")]
    await database.write_all(units)
    assert one.given == [["1", "2"], ["5"]]
    assert await names_in(database) == told(commits) == ["1", "2", "3", "4", "5"]


async def test_r4_a_change_that_does_not_answer_each_is_done_one_by_one(database: Database) -> None:
    def only_first(tx: Tx, names: Sequence[str]) -> list[str]:
        tx.many("INSERT INTO facts VALUES (?, '')", [(name,) for name in names])
        return [names[0]]

    assert await database.write_all([Share(only_first, name) for name in ("a", "b")]) == ["a", "b"]
    assert await names_in(database) == ["a", "b"]


async def test_case_8_callers_cancelled_before_their_group_leave_nothing(database: Database) -> None:
    note = Noting()
    writes = [asyncio.create_task(database.write(Share(note, f"{n:03}"))) for n in range(600)]
    await asyncio.sleep(0)
    for task in writes[::2]:
        task.cancel()
    results = await asyncio.gather(*writes, return_exceptions=True)
    kept = {name for name, result in zip((f"{n:03}" for n in range(600)), results, strict=True) if result == name}
    assert set(await names_in(database)) == kept
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 300
    assert max(map(len, note.given)) > 100, "they were done at once"


async def test_case_8_a_caller_cancelled_while_its_group_runs_finds_its_change_made(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(tx: Tx, names: Sequence[str]) -> Sequence[str]:
        begun.set()
        assert go_on.wait(10)
        return Noting()(tx, names)

    writes = [asyncio.create_task(database.write(Share(slowly, name))) for name in ("a", "b", "c")]
    await asyncio.to_thread(begun.wait, 10)
    writes[1].cancel()
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [str, asyncio.CancelledError, str]
    assert await names_in(database) == ["a", "b", "c"]


async def test_r17_a_share_under_an_operation_notes_its_effect_with_its_own_commit(database: Database) -> None:
    await database.write(lambda tx: tx.run("INSERT INTO operations (key, digest, at) VALUES ('k', 'd', '2026-01-01')"))
    note = Noting()
    token = UNDER_WAY.set(Operation("k"))
    try:
        ours = asyncio.create_task(database.write(Share(note, "ours")))
    finally:
        UNDER_WAY.reset(token)
    results = await asyncio.gather(ours, database.write(Share(note, "bad")), return_exceptions=True)
    assert results[0] == "OURS"
    assert isinstance(results[1], ValueError)
    row = await database.one("SELECT effect FROM operations WHERE key = 'k'")
    assert row is not None
    assert row["effect"] == 1


@pytest.mark.parametrize("bad", [False, True])
async def test_r3_a_lone_share_is_a_unit_like_any_other(database: Database, bad: bool) -> None:
    note = Noting()
    results = await database.write_all([Share(note, "bad" if bad else "good")])
    assert [type(result) for result in results] == [ValueError if bad else str]
    assert await names_in(database) == ([] if bad else ["good"])
    assert len(note.given) == 1
