"""Cooldowns of providers: one for everything on a provider, stored, held inside the claim (R33, R34)."""

import sqlite3
from datetime import datetime, timedelta
from random import Random

from engine.dispatch.steps import TASKS
from engine.errors import Conflict
from engine.events import EventType
from engine.model import RunRecord
from engine.settings import EngineSettings
from engine.store import Database, Tx, named_queries, stamp

COOLDOWNS = named_queries("cooldowns")
LONGEST = 24 * 3600.0  # seconds
PART = "provider"


class CoolingDown(Conflict):
    """The provider refused not long ago: nothing starts on it yet."""

    code = "cooling_down"

    def __init__(self, provider: str, until: datetime) -> None:
        super().__init__(words(provider, until), hint="it starts by itself when the time has come")
        self.provider = provider


def words(provider: str, until: datetime) -> str:
    """What an operator needs to know while it lasts."""
    return f"provider {provider} is at its rate limit and cools down until {until:%Y-%m-%d %H:%M:%S} UTC"


def clamped(named: float | None, hits: int, shortest: float) -> float:
    """Seconds to wait: what was named, within bounds; `shortest`, doubling with each hit, when that is no time."""
    if named is None or named <= 0:
        named = shortest * 2.0 ** min(max(hits, 1) - 1, 20)
    return max(min(shortest, LONGEST), min(named, LONGEST))


def jittered(seconds: float, random: Random) -> float:
    """Up to a tenth more, so that not everything starts in one moment; never less than was asked for."""
    return min(seconds * (1 + random.random() / 10), LONGEST)


def cool(
    tx: Tx, provider: str, named: float | None, run: RunRecord, settings: EngineSettings, random: Random
) -> datetime:
    """A run met the provider's limit, which may have `named` seconds to wait: when something may start there again.

    While it cools down, only a longer wait that was named changes anything: runs that meet one limit are one hit.
    """
    row = tx.one(COOLDOWNS["get"], {"provider": provider})
    hits = 0 if row is None else int(row["hits"])
    until = None if row is None or row["over"] else datetime.fromisoformat(row["until"])
    if until is not None and tx.now < until:
        if named is None or tx.now + timedelta(seconds=clamped(named, hits, 0.0)) <= until:
            return until
    else:
        hits += 1
    seconds = jittered(clamped(named, hits, settings.rate_limit_wait), random)
    until = tx.now + timedelta(seconds=seconds)
    tx.run(COOLDOWNS["set"], {"provider": provider, "until": stamp(until), "hits": hits, "run": run.id})
    tx.emit(
        EventType.ENGINE_DEGRADED, goal=run.goal, task=run.task, run=run.id, part=PART, provider=provider,
        until=stamp(until), message=words(provider, until),
    )  # fmt: skip
    return until


def ended_on(tx: Tx, provider: str, run: RunRecord, settings: EngineSettings, random: Random) -> datetime:
    """A run ended at the provider's limit: when it may start again. What it told while it ran is not told twice."""
    row = tx.one(COOLDOWNS["get"], {"provider": provider})
    if row is not None and row["run"] == run.id:
        return datetime.fromisoformat(row["until"])
    return cool(tx, provider, None, run, settings, random)


def require_warm(tx: Tx, provider: str) -> None:
    """CoolingDown while it lasts. A clock that was set back makes nothing wait longer than the longest wait."""
    row = tx.one(COOLDOWNS["get"], {"provider": provider})
    if row is None or row["over"]:
        return
    until = datetime.fromisoformat(row["until"])
    if 0 < (until - tx.now).total_seconds() <= LONGEST:
        raise CoolingDown(provider, until)


def works_again(tx: Tx, run: RunRecord) -> None:
    """A run ended by itself: what its provider, if it has one, refused before counts no more."""
    row = tx.one(TASKS["provider"], {"id": run.task})
    if row is not None and row["provider"] is not None:
        tx.run(COOLDOWNS["forget"], {"provider": row["provider"]})


def cooling(connection: sqlite3.Connection) -> dict[str, datetime]:
    """Every provider that cools down, with its end."""
    rows = connection.execute(COOLDOWNS["live"]).fetchall()
    return {row["provider"]: datetime.fromisoformat(row["until"]) for row in rows}


async def end_cooldowns(database: Database, now: datetime) -> None:
    """End those whose time has come, and tell."""
    if any(until <= now for until in (await database.read(cooling)).values()):
        await database.write(_end)


def _end(tx: Tx) -> None:
    for provider, until in cooling(tx.connection).items():
        if until <= tx.now:
            tx.run(COOLDOWNS["end"], {"provider": provider})
            tx.emit(EventType.ENGINE_RECOVERED, part=PART, provider=provider)
