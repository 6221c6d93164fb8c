"""Health and numbers of this engine (the `Measuring` half of Engine)."""

import sqlite3
from datetime import datetime

from engine.api.measuring import Health
from engine.errors import PilothouseError
from engine.local.parts import Parts
from engine.metrics import Metrics
from engine.model import DriverName, GoalState, Runtime
from engine.store import Tx, named_queries

STANDING, GOALS = named_queries("standing"), named_queries("goals")
FRESH = 5.0  # seconds an answer about the parts is good for
FINE = frozenset({"ok", "not used"})


class LocalMeasuring:
    """The parts are asked, not remembered: a store that takes no write and a daemon that is gone are told at once."""

    def __init__(self, parts: Parts) -> None:
        self._context, self._scheduler = parts.context, parts.scheduler
        self._parts = parts
        self._health: tuple[float, Health] | None = None

    async def health(self) -> Health:
        now = self._context.clock.monotonic()
        if self._health is None or now - self._health[0] > FRESH:
            parts = {"store": await self._store(), "daemon": await self._daemon()}
            status = "ok" if all(word in FINE for word in parts.values()) else "failing"
            self._health = (now, Health(status=status, parts=parts))
        return self._health[1]

    async def metrics(self) -> str:
        found = await self._context.database.read(_standing)
        self._context.metrics.stands(*found)
        for live in self._parts.live:
            self._context.metrics.logged(0 if live.log is None else live.log.uncounted())
        return self._context.metrics.text()

    async def _store(self) -> str:
        """A write that changes nothing goes the way of every other."""
        if self._scheduler.trouble is not None:
            return self._scheduler.trouble
        try:
            await self._context.database.write(_touch)
        except PilothouseError as error:
            return error.message
        return "ok"

    async def _daemon(self) -> str:
        """The container daemon, where anything needs it."""
        wanted = self._context.settings.sandbox.runtime is Runtime.DOCKER or self._parts.driver is DriverName.DOCKER
        try:
            wanted = wanted or await self._context.database.read(_needs_docker)
            if not wanted:
                return "not used"
            await self._context.driver(DriverName.DOCKER).check()
        except PilothouseError as error:
            return error.message
        return "ok"


def count_open(connection: sqlite3.Connection, metrics: Metrics) -> None:
    """Tell the numbers what an earlier engine left open, and held."""
    for row in connection.execute(STANDING["open_gates"]).fetchall():
        metrics.gate_opened(row["id"], row["kind"], datetime.fromisoformat(row["opened_at"]))
    for row in connection.execute(STANDING["open_decisions"]).fetchall():
        metrics.decision_opened(row["id"], row["kind"], datetime.fromisoformat(row["opened_at"]))
    metrics.leases(int(connection.execute(STANDING["leases"]).fetchone()["n"]))


def _standing(connection: sqlite3.Connection) -> list[dict[str, int]]:
    names = ("goals", "tasks", "sandboxes", "decisions")
    return [{row["word"]: int(row["n"]) for row in connection.execute(STANDING[name]).fetchall()} for name in names]


def _needs_docker(connection: sqlite3.Connection) -> bool:
    rows = connection.execute(GOALS["unended"]).fetchall()
    return any(row["runtime"] == Runtime.DOCKER and row["state"] != GoalState.DRAFT for row in rows)


def _touch(tx: Tx) -> None:
    tx.run(GOALS["touch"])
