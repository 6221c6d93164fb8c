"""How long a run has stood still, over restarts of the engine too: the events say it."""

from datetime import datetime

from engine.dispatch.steps import RUNS
from engine.events import EventType
from engine.store import Database


async def frozen_seconds(database: Database, run: str, now: datetime) -> float:
    """Seconds from each freeze to its thaw, or to `now`."""
    total, since = 0.0, None
    for row in await database.all(RUNS["freezes"], {"id": run}):
        at = datetime.fromisoformat(row["at"])
        if row["type"] == EventType.SANDBOX_PAUSED:
            since = since or at
        elif since is not None:
            total, since = total + (at - since).total_seconds(), None
    return total + ((now - since).total_seconds() if since is not None else 0.0)
