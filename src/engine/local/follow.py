"""Reading a run's log while it grows and after it has ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.api import LogLine, LogPage, LogQuery
from engine.clock import Clock
from engine.sandbox.logs import RunLog, Search, read_page

POLL = 0.2  # seconds between looks at a log that another process writes
SEARCHES = 2  # pages that are searched at once; more wait, and leave the threads to others


class LogReader:
    """Reads logs for one engine. A search is bounded in time per page, and in number."""

    def __init__(self) -> None:
        self._searching = asyncio.Semaphore(SEARCHES)

    async def page(self, folder: Path, run: str, query: LogQuery, live: RunLog | None) -> LogPage:
        """One page; a live log hands over what it still buffers first."""
        async with _opened(query) as search:
            return await self._page(folder, run, query, live, search)

    async def follow(
        self, folder: Path, run: str, query: LogQuery, live: Callable[[], RunLog | None], clock: Clock
    ) -> AsyncGenerator[LogLine, None]:
        """The lines `query` names, then every later one until the log is sealed.

        `live` finds the log while this process writes it.
        """
        async with _opened(query) as search:
            while True:
                log = live()
                found = await self._page(folder, run, query, log, search)
                for line in found.lines:
                    yield line
                after = found.reached
                if after is None:
                    if found.ended:
                        return
                    await (log.grown(found.total) if log is not None else clock.sleep(POLL))
                    after = found.total - 1
                query = query.model_copy(update={"after": after, "tail": None})

    async def _page(
        self, folder: Path, run: str, query: LogQuery, live: RunLog | None, search: Search | None
    ) -> LogPage:
        if live is not None:
            live.flush()
        if search is None:
            return await asyncio.to_thread(read_page, folder, run, query)
        async with self._searching:
            return await asyncio.to_thread(read_page, folder, run, query, search)


@asynccontextmanager
async def _opened(query: LogQuery) -> AsyncIterator[Search | None]:
    """The search for the expression of a query, if it has one."""
    if query.grep is None:
        yield None
        return
    search = Search(query.grep)
    try:
        yield search
    finally:
        await asyncio.to_thread(search.close)
