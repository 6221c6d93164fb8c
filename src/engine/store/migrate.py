"""Numbered migrations, each committed with its record or not at all (R13)."""

import sqlite3
from importlib.resources import files

from engine.errors import StoreError

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT (datetime('now'))
) STRICT;
"""


def migrations() -> list[tuple[int, str, str]]:
    """(version, name, script), in order."""
    folder = files("engine.store").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the schema up to date; returns its version. StoreError when it is newer than this program."""
    known = migrations()
    present = _version(connection)
    if present > known[-1][0]:
        raise StoreError(
            f"the store has schema {present}, this Pilothouse knows {known[-1][0]}",
            hint="use the newer Pilothouse that wrote it",
        )
    for version, name, script in known:
        if version > present:
            _apply(connection, version, name, script)
    return known[-1][0]


def _version(connection: sqlite3.Connection) -> int:
    listed = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone()
    if listed is None:
        return 0
    row = connection.execute("SELECT max(version) FROM migrations").fetchone()
    return int(row[0] or 0)


def _apply(connection: sqlite3.Connection, version: int, name: str, script: str) -> None:
    # A table that others refer to can be made anew only while references are not enforced; they are checked instead.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        # executescript commits whatever is open, so the transaction begins inside the script.
        connection.executescript(f"BEGIN IMMEDIATE; {_RECORD} {script}")
        connection.execute("INSERT INTO migrations (version, name) VALUES (?, ?)", (version, name))
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise sqlite3.IntegrityError("it leaves rows that refer to nothing")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreError(f"migration {name} failed: {error}", hint="nothing of it was kept") from error
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
