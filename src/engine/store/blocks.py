"""Rows that are alike go into one statement, a block of them at a time.

SQLite sets up for each statement what its rows are checked against, such as the words of a CHECK, and that costs more
than a row does.
"""

import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

SIZES = (64, 8, 1)  # rows of one statement: few different texts, so that each is compiled once
_ROW = re.compile(r"\bVALUES (\([^()]*\))")


def execute_rows(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[object]]) -> int:
    """Execute a statement that has one `VALUES (?, …)` for all these rows; the number of rows it changed."""
    changed = done = 0
    for size in SIZES:
        whole = len(rows) - (len(rows) - done) % size
        if whole > done:
            blocks = [tuple(chain.from_iterable(rows[at : at + size])) for at in range(done, whole, size)]
            changed += connection.executemany(_for_rows(sql, size), blocks).rowcount
        done = whole
    return changed


@lru_cache(64)
def _for_rows(sql: str, size: int) -> str:
    """The statement with its row of values so many times; ValueError unless it has one such row."""
    wide, found = _ROW.subn(lambda row: f"VALUES {', '.join([row[1]] * size)}", sql)
    if found != 1:
        raise ValueError(f"one row of values is wanted: {sql}")
    return wide
