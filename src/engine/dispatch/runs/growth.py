"""A work folder that outgrows its limit, found while its run lives (HARDENING case 39)."""

import asyncio
from itertools import chain
from pathlib import Path

from engine.clock import Clock
from engine.workspace import counted, disk_use

PAUSE = 3.0  # seconds between looks
LOOK = 0.2  # seconds of counting in one look: a folder of a million files takes several


async def outgrown(clock: Clock, folder: Path, limit: int, *more: Path) -> int:
    """Count again and again what the folder and `more` hold; return the bytes once they are more than `limit`."""
    while True:
        walk, total, whole = chain.from_iterable(map(disk_use, (folder, *more))), 0, False
        while not whole:
            await clock.sleep(PAUSE)
            found, whole = await asyncio.to_thread(counted, walk, LOOK)
            total += found
            if total > limit:
                return total
