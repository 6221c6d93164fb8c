"""Whether a store is sound, asked of SQLite itself."""

import sqlite3

from engine.paths import ProjectPaths


def store_damage(paths: ProjectPaths) -> str:
    """What is wrong with the store of a project that no engine holds, in words; empty when nothing is (blocking)."""
    connection = sqlite3.connect(f"{paths.database.as_uri()}?mode=ro", uri=True)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check").fetchall()]
        foreign = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
    wrong = [] if found == ["ok"] else found
    return "; ".join([*wrong, *([f"{len(foreign)} rows refer to nothing"] if foreign else [])])
