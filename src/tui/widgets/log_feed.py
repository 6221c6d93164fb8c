"""Lines of one run, read where they are looked at: a bounded cache over an engine that has all of them."""

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from engine.api import LogLine, LogPage, LogQuery
from engine.model import Stream

Fetch = Callable[[str, LogQuery], Awaitable[LogPage]]

CACHE = 8_000  # lines kept in memory, whatever the log's length
CHUNK = 400  # lines of one read around what is visible
SCAN = 4_000  # lines of one read while searching or filtering
MOST = 1_000_000  # hits or filtered lines that are kept


class LogFeed:
    """One run's log. Rows are counted from 0 within the filter; `number` gives the line of a row."""

    def __init__(self, fetch: Fetch, ref: str) -> None:
        self.ref = ref
        self.run = ""
        self.first = 0
        self.total = 0
        self.ended = False
        self.stream: Stream | None = None
        self.words = ""
        self.scanned = 0  # lines below this one are known to filter and search
        self.hits: array[int] = array("q")
        self.marks: array[int] = array("q")
        self._fetch = fetch
        self._shown: array[int] = array("q")
        self._cache: OrderedDict[int, LogLine] = OrderedDict()

    @property
    def rows(self) -> int:
        """How many rows there are at present."""
        return len(self._shown) if self.stream is not None else max(0, self.total - self.first)

    def number(self, row: int) -> int:
        return self._shown[row] if self.stream is not None else self.first + row

    def row_of(self, number: int) -> int:
        """The row of a line, or of the next one that passes the filter."""
        return bisect_left(self._shown, number) if self.stream is not None else number - self.first

    def line(self, row: int) -> LogLine | None:
        """The line of a row when it has been read already."""
        return self._cache.get(self.number(row)) if 0 <= row < self.rows else None

    async def poll(self, tail: int) -> bool:
        """Read the newest lines; whether anything has changed."""
        before = (self.first, self.total, self.ended)
        self._keep(await self._fetch(self.ref, LogQuery(tail=max(1, tail))))
        return (self.first, self.total, self.ended) != before

    async def need(self, top: int, bottom: int) -> bool:
        """Read what is missing of the rows from `top` to before `bottom`; whether something came."""
        missing = [row for row in range(max(0, top), min(bottom, self.rows)) if self.line(row) is None]
        if not missing:
            return False
        start = max(0, missing[0] - (CHUNK // 2 if missing[-1] - missing[0] < CHUNK // 4 else 0))
        before = len(self._cache)
        page = await self._fetch(self.ref, LogQuery(after=self.number(start) - 1, stream=self.stream, limit=CHUNK))
        self._keep(page)
        return len(self._cache) != before or bool(page.lines)

    def look_for(self, words: str) -> None:
        """Begin to count lines that hold the words, letters of either case."""
        self.words = words.casefold()
        self._restart()

    def only(self, stream: Stream | None) -> None:
        """Show one stream, or all."""
        self.stream = stream
        self._restart()

    def _restart(self) -> None:
        self.scanned = self.first
        self.hits, self.marks, self._shown = array("q"), array("q"), array("q")

    @property
    def is_behind(self) -> bool:
        """Whether lines are left that filter, search and marks have not seen."""
        return self.scanned < self.total

    async def scan(self) -> None:
        """Look through the next part of the log; its memory is the numbers of what was found."""
        self.scanned = max(self.scanned, self.first)
        begin = self.scanned
        page = await self._fetch(self.ref, LogQuery(after=begin - 1, limit=SCAN))
        self._heed(page)
        if begin > self.scanned:
            return  # the filter or the search began anew meanwhile
        for line in page.lines:
            if line.n < self.scanned:
                continue
            if self.stream is not None and line.stream in (self.stream, Stream.GAP):
                self._shown.append(line.n)
            passes = self.stream is None or line.stream in (self.stream, Stream.GAP)
            if self.words and passes and len(self.hits) < MOST and self.words in line.text.casefold():
                self.hits.append(line.n)
            if line.stream in (Stream.GAP, Stream.NOTE, Stream.ERR) and len(self.marks) < MOST:
                self.marks.append(line.n)
        self.scanned = max(self.scanned, page.lines[-1].n + 1 if page.lines else page.total)

    def step(self, places: Sequence[int], row: int, step: int) -> int | None:
        """The row of the next (step 1) or previous (-1) place seen from a row."""
        if not places:
            return None
        here = self.number(row) if 0 <= row < self.rows else self.total
        at = bisect_left(places, here + 1) if step > 0 else bisect_left(places, here) - 1
        return self.row_of(places[at]) if 0 <= at < len(places) else None

    def _keep(self, page: LogPage) -> None:
        self._heed(page)
        for line in page.lines:
            self._cache[line.n] = line
            self._cache.move_to_end(line.n)
        while len(self._cache) > CACHE:
            self._cache.popitem(last=False)

    def _heed(self, page: LogPage) -> None:
        if page.run != self.run:  # a task's newest run is another one: nothing that was read belongs to it
            self.run, self.total = page.run, 0
            self._cache.clear()
            self._restart()
        self.first, self.total, self.ended = page.first, max(self.total, page.total), page.ended
