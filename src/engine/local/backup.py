"""A copy of the store beside whatever engine runs: one consistent moment of it (HARDENING case 4)."""

import asyncio
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from engine.api.answers import View
from engine.errors import Conflict, NotFound, StoreError
from engine.paths import ProjectPaths

BUSY = 10.0  # seconds another connection may hold the file


class Backup(View):
    """`seq` of its newest event; size in bytes."""

    file: str
    size: int
    seq: int


async def back_up(paths: ProjectPaths, target: Path | None) -> Backup:
    """Copy the store to `target`, or to a new file in `.pilothouse/backups/`.

    Raises NotFound without a store, Conflict when the file is there already, StoreError when the copy cannot be made;
    then nothing is left of it.
    """
    if target is None:
        target = paths.state / "backups" / f"engine-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.db"
        await asyncio.to_thread(target.parent.mkdir, mode=0o700, exist_ok=True)
    return await asyncio.to_thread(_copy, paths.database, target)


def _copy(source: Path, target: Path) -> Backup:
    if not source.is_file():
        raise NotFound(f"there is no store at {source}", hint="a project gets one with its first goal")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise Conflict(f"{target} exists already", hint="a backup overwrites nothing: choose another name") from error
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    try:
        seq = _vacuum(source, target)
        _sync(target)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise StoreError(f"the store could not be copied to {target}: {error}", hint="is the disk full?") from error
    return Backup(file=str(target), size=target.stat().st_size, seq=seq)


def _vacuum(source: Path, target: Path) -> int:
    """Through a connection of its own that cannot write to the store, and therefore never checkpoints it."""
    store = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY, isolation_level=None)
    try:
        store.execute("VACUUM INTO ?", (str(target),))
    finally:
        store.close()
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        problem = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {problem}")
        return int(copy.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])
    finally:
        copy.close()


def _sync(target: Path) -> None:
    file = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
