"""A store that goes wrong at one chosen statement."""

import sqlite3
from collections.abc import Sequence


class Failing:
    """A connection whose nth statement, or nth row of one that is given many, fails."""

    def __init__(self, connection: sqlite3.Connection, nth: int) -> None:
        self._connection, self._nth, self.seen = connection, nth, 0

    def execute(self, *args: object) -> sqlite3.Cursor:
        self.seen += 1
        if self.seen == self._nth:
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(*args)  # type: ignore[arg-type]

    def executemany(self, sql: str, rows: Sequence[dict[str, object]]) -> sqlite3.Cursor:
        before, self.seen = self.seen, self.seen + len(rows)
        if before < self._nth <= self.seen:
            self._connection.executemany(sql, rows[: self._nth - before - 1])
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.executemany(sql, rows)
