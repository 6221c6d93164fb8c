"""Reading a run's log while it grows and after it has ended."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from engine.api import LogLine, LogPage, LogQuery
from engine.clock import Clock
from engine.sandbox.logs import RunLog, read_page

POLL = 0.2  # seconds between looks at a log that another process writes


async def page(folder: Path, run: str, query: LogQuery, live: RunLog | None) -> LogPage:
    """One page; a live log hands over what it still buffers first."""
    if live is not None:
        live.flush()
    return await asyncio.to_thread(read_page, folder, run, query)


async def follow(
    folder: Path, run: str, query: LogQuery, live: Callable[[], RunLog | None], clock: Clock
) -> AsyncGenerator[LogLine, None]:
    """The lines `query` names, then every later one until the log is sealed.

    `live` finds the log while this process writes it.
    """
    while True:
        log = live()
        found = await page(folder, run, query, log)
        for line in found.lines:
            yield line
        more = query.tail is None and len(found.lines) >= query.limit
        if not more:
            if found.ended:
                return
            await (log.grown(found.total) if log is not None else clock.sleep(POLL))
        after = found.lines[-1].n if more else found.total - 1
        query = LogQuery(after=after, stream=query.stream, limit=query.limit)
