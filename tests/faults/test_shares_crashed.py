"""An engine that dies within a change for many: none of it is there, what was answered before it is (R3, R91)."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.store import Database, Share, Tx

# Writes three names and answers for them, then dies behind so many rows of the next three: `STORE ROWS`.
DYING = """
import asyncio, os, sys
from pathlib import Path
from engine.clock import SystemClock
from engine.events import EventType
from engine.store import Database, Share

def note(tx, names):
    for row, name in enumerate(names):
        if name.startswith("lost") and row == int(sys.argv[2]):
            os._exit(137)
        tx.run("INSERT INTO facts VALUES (?, '')", (name,))
        tx.emit(EventType.ENGINE_STARTED, name=name)
    return list(names)

async def main():
    store = Database(SystemClock(), lambda _: None)
    await store.open(Path(sys.argv[1]))
    print(*await store.write_all([Share(note, f"kept{n}") for n in range(3)]), flush=True)
    await store.write_all([Share(note, f"lost{n}") for n in range(3)])

asyncio.run(main())
"""


def note_again(tx: Tx, names: Sequence[str]) -> list[int]:
    return [tx.run("INSERT INTO facts VALUES (?, '')", (name,)) for name in names]


@pytest.mark.parametrize("rows", [0, 2])
async def test_r3_r91_a_crash_within_a_change_for_many_leaves_none_of_it(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "engine.db"
    argv = [sys.executable, "-c", DYING, str(path), str(rows)]
    died = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False)
    assert (died.returncode, died.stdout.split()) == (137, ["kept0", "kept1", "kept2"])
    store = Database(SystemClock(), lambda _: None)
    await store.open(path)
    try:
        assert [row["name"] for row in await store.all("SELECT name FROM facts ORDER BY name")] == died.stdout.split()
        assert store.last_seq == 3
        assert await store.write_all([Share(note_again, f"lost{n}") for n in range(3)]) == [1, 1, 1]
    finally:
        await store.close()
