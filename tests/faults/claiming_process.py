"""One of several processes that claim every task of one store, each with a connection of its own.

Arguments: the store, and the place of this process. Prints one line per claim it won. What it read of the tasks before
it began is old by then: the claim alone decides.
"""

import sqlite3
import sys
import time
from datetime import UTC, datetime
from random import Random

from engine.dispatch.claims import Limits, claim
from engine.errors import Conflict
from engine.ids import random_id
from engine.store import Tx
from engine.store.transaction import store_events

BUSY = 60.0  # seconds to wait for the file while others write
PAUSE = 0.005  # seconds after a claim that was won: SQLite lets those who wait sleep, and one would take all meanwhile


def claim_one(connection: sqlite3.Connection, task: str) -> str | None:
    """The run of a claim that was won, as the writer of an engine commits it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        tx = Tx(connection, datetime.now(UTC))
        run = claim(tx, task, Limits(10_000), random_id, "e-0000000000").run
        last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        store_events(connection, last + 1, tx.now, tx.drafts)
    except Conflict:
        connection.execute("ROLLBACK")
        return None
    connection.execute("COMMIT")
    return run.id


def main(store: str, place: int) -> None:
    connection = sqlite3.connect(store, isolation_level=None, timeout=BUSY)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    rows = connection.execute("SELECT id FROM tasks WHERE kind = 'work' AND state = 'pending'").fetchall()
    tasks = [row["id"] for row in rows]
    Random(place).shuffle(tasks)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    time.sleep(max(0.0, float(sys.stdin.readline()) - time.monotonic()))  # all at one moment
    for task in tasks:
        run = claim_one(connection, task)
        if run is not None:
            sys.stdout.write(f"won {task} {run}\n")
            time.sleep(PAUSE)
    connection.close()


main(sys.argv[1], int(sys.argv[2]))
