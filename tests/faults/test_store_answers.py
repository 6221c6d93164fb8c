"""Commits that fail, and such that take effect and report an error: an answer is true, a goal ends as ever (R3, R4)."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from lasting_driver import LastingDriver
from test_driver_faults import SETTINGS, HastyClock, goal_file, without_leftovers

from engine.api import CreateGoal
from engine.clock import SystemClock
from engine.errors import StoreError
from engine.events import EventType
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, TaskState
from engine.store import Committed, Database, Share, Tx, group

LIMIT = 40  # faults of one store: after them its disk is well again


class FaultyDisk:
    """Two of seven commits answer with an error: half of these had no effect, the others had."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.faults: list[str] = []

    def end_transaction(self, connection: sqlite3.Connection) -> None:
        kind = self._chance.choice(["well"] * 5 + ["refused", "done"]) if len(self.faults) < LIMIT else "well"
        if kind != "refused":
            connection.execute("COMMIT")
        if kind != "well":
            self.faults.append(kind)
            raise sqlite3.OperationalError("disk I/O error")


def note(tx: Tx, n: int) -> None:
    """Two rows and an event: a half of it is seen at once."""
    tx.run("INSERT INTO facts VALUES (?, 'left')", (f"left {n}",))
    tx.run("INSERT INTO facts VALUES (?, 'right')", (f"right {n}",))
    tx.emit(EventType.ENGINE_STARTED, n=n)


def alone(n: int) -> Callable[[Tx], None]:
    return partial(note, n=n)


def note_all(tx: Tx, numbers: Sequence[int]) -> list[None]:
    return [note(tx, n) for n in numbers]


@pytest.mark.parametrize("unit", [alone, partial(Share, note_all)], ids=["alone", "at once"])
@pytest.mark.parametrize("seed", range(5))
async def test_r3_r4_an_answer_is_true_whatever_the_disk_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, unit: Callable[[int], Callable[[Tx], None]]
) -> None:
    disk, chance = FaultyDisk(Random(seed)), Random(seed)
    published: list[Committed] = []
    store = Database(SystemClock(), published.append)
    await store.open(tmp_path / "engine.db")
    monkeypatch.setattr(group, "end_transaction", disk.end_transaction)
    try:
        answers: dict[int, object] = {}
        for first in range(0, 600, 10):
            batch = range(first, first + chance.randint(1, 10))
            units = [store.write(unit(n)) for n in batch]
            answers |= dict(zip(batch, await asyncio.gather(*units, return_exceptions=True), strict=True))
        rows = {row["name"] for row in await store.all("SELECT name FROM facts")}
        seqs = [row["seq"] for row in await store.all("SELECT seq FROM events ORDER BY seq")]
    finally:
        await store.close()
    kept = {n for n, answer in answers.items() if answer is None}
    assert {type(answer) for answer in answers.values()} == {type(None), StoreError}
    assert rows == {f"{side} {n}" for n in kept for side in ("left", "right")}
    assert [event.seq for commit in published for event in commit.events] == seqs == list(range(1, len(kept) + 1))
    assert set(disk.faults) == {"refused", "done"}


async def insist(command: Any, *args: Any) -> Any:
    """As an operator would: what was refused is asked for again."""
    while True:
        try:
            return await command(*args)
        except StoreError:
            await asyncio.sleep(0.01)


async def outcome(engine: LocalEngine) -> dict[str, object]:
    """Every task's last state of the goal of `goal_file`; what never ends by itself is cancelled."""
    goal = (await insist(engine.create_goal, CreateGoal(source=goal_file(), path="/goals/goal.yaml", start=False))).id
    await insist(engine.start_goal, goal)
    cancelled = False
    async with asyncio.timeout(60):
        while (view := (await engine.status(goal)).goals[0]).ended_at is None:
            endless = await engine.task(f"{goal}/t3")
            if endless.state is TaskState.RUNNING and not cancelled:
                await insist(engine.cancel, endless.id)
                cancelled = True
            await asyncio.sleep(0.02)
    keys = ("t0", "t1", "t2", "t3", "t4", "last")
    return {"goal": view.state} | {key: (await engine.task(f"{goal}/{key}")).state for key in keys}


@pytest.mark.parametrize("seed", range(4))
async def test_r4_r91_a_disk_with_faults_changes_no_end_and_makes_no_second_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    found = []
    disk = FaultyDisk(Random(seed))
    for faulty in (False, True):
        project = tmp_path / f"faulty-{faulty}"
        driver = LastingDriver(project)
        engine = await open_local(
            project, SETTINGS, clock=HastyClock(), random=Random(7), drivers={DriverName.PROCESS: driver}
        )
        try:
            with monkeypatch.context() as patch:
                if faulty:
                    patch.setattr(group, "end_transaction", disk.end_transaction)
                found.append(await outcome(engine))
            await without_leftovers(driver)
        finally:
            await engine.close()
        assert [line for line in (project / "ledger").read_text().splitlines() if line.startswith("twice")] == []
    assert disk.faults
    assert found[0] == found[1], disk.faults
