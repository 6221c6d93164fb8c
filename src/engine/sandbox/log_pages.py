"""Pages of a run's log: by line number or from the end, cheap on a million lines, safe beside a live writer."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from engine.api import LogLine, LogPage, LogQuery
from engine.errors import Invalid
from engine.sandbox.log_lines import ERR, GAP, HEAD, OUT, decode
from engine.sandbox.log_search import PAGE_TIME, Numbered, Search, Sieve
from engine.sandbox.log_segments import Segment, list_segments

SEALED = "sealed"  # this file in the folder: no more lines will come
PAGE_BYTES = 8 * 1024**2  # a page ends early rather than be larger
WINDOW = 128 * 1024  # bytes read at once
T = TypeVar("T")
ATTEMPTS = 5  # a segment may be dropped between the listing and the reading of it


def read_page(folder: Path, run: str, query: LogQuery, search: Search | None = None) -> LogPage:
    """The lines `query` names; an empty page for a folder that is missing. Blocks on the disk.

    Lines that were dropped from the front are one gap marker, numbered as the last of them, that says how many.
    `search` is open for the expression of the query, and stays so; without it one is opened for this page. Raises
    Invalid when the expression costs too much.
    """
    if query.grep is not None and search is None:
        with closing(Search(query.grep)) as own:
            return read_page(folder, run, query, own)
    ended = (folder / SEALED).exists()  # looked at first: what is written before the seal is on the page
    book, found = _read(folder, lambda book: _pick(book, query, Sieve(query, search)))
    picked, reached = found or ([], None)
    lines = tuple(decode(number, raw) for number, raw in picked)
    return LogPage(run=run, lines=lines, first=book.first, total=book.total, ended=ended, reached=reached)


def last_lines(folder: Path, n: int) -> list[LogLine]:
    """The last `n` lines of the sandbox itself."""

    def pick(book: _Book) -> list[Numbered]:
        own = (entry for entry in _backward(book) if entry[1][:1] in (OUT, ERR))
        return _within(own, n)[0][::-1]

    _, picked = _read(folder, pick)
    return [decode(number, raw) for number, raw in picked or []]


@dataclass(frozen=True)
class _Book:
    """One listing of the folder, with what of it was there to be read."""

    segments: Sequence[Segment]
    first: int
    total: int

    def front(self) -> list[Numbered]:
        """The marker in place of the lines that were dropped."""
        if not self.first:
            return []
        missing = self.first - self.segments[0].extras
        with self.segments[0].path.open("rb") as file:
            when = file.readline(HEAD)[1 : HEAD - 1]
        text = f"{missing} lines are missing here: the log is bounded and keeps its newest lines"
        return [(self.first - 1, GAP + when + b" " + text.encode())]


def _read(folder: Path, pick: Callable[[_Book], T]) -> tuple[_Book, T | None]:
    """What `pick` finds in the log, None where there is none; once more when the writer dropped a segment under it."""
    for _ in range(ATTEMPTS):
        segments = list_segments(folder)
        if not segments:
            break
        try:
            book = _Book(segments, segments[0].base, segments[-1].base + segments[-1].count())
            return book, pick(book)
        except FileNotFoundError:
            continue
    return _Book((), 0, 0), None


def _pick(book: _Book, query: LogQuery, sieve: Sieve) -> tuple[list[Numbered], int | None]:
    """The lines of a page, and the line to go on after if it ends before the log does."""
    if query.tail is not None and query.after is None:
        return _from_end(book, sieve, min(query.tail, query.limit)), None
    start = 0 if query.after is None else query.after + 1
    front = [entry for entry in book.front() if entry[0] >= start]
    lines, full = _within(sieve.passing(chain(front, _forward(book, max(start, book.first)))), query.limit)
    return lines, lines[-1][0] if full else sieve.stopped_at


def _from_end(book: _Book, sieve: Sieve, count: int) -> list[Numbered]:
    """The last `count` lines, in order."""
    lines, _ = _within(sieve.passing(chain(_backward(book), reversed(book.front()))), count)
    if sieve.stopped_at is not None and len(lines) < count:
        raise Invalid(
            f"searching from the end took more than {PAGE_TIME:g} s", hint="search from the front, without --tail"
        )
    return lines[::-1]


def _within(lines: Iterable[Numbered], limit: int) -> tuple[list[Numbered], bool]:
    """The first `limit` lines as far as they fit a page, where one always does; whether that ended it."""
    found: list[Numbered] = []
    room = PAGE_BYTES
    for entry in lines if limit else ():
        if found and len(entry[1]) > room:
            return found, True
        found.append(entry)
        room -= len(entry[1])
        if len(found) == limit:
            return found, True
    return found, False


def _forward(book: _Book, start: int) -> Iterator[Numbered]:
    """Lines from number `start` up to the total of the listing; ends early where a segment was dropped meanwhile."""
    at = max(0, bisect_right([segment.base for segment in book.segments], start) - 1)
    for segment in book.segments[at:]:
        entries = segment.entries()
        line, offset = entries[max(0, bisect_right(entries, (max(0, start - segment.base), 1 << 62)) - 1)]
        for number, raw in _lines(segment, segment.base + line, offset, None):
            if number >= book.total:
                return
            if number >= start:
                yield number, raw


def _backward(book: _Book) -> Iterator[Numbered]:
    """All lines from the last one back, one block of the index at a time."""
    for segment in reversed(book.segments):
        end: int | None = None
        for line, offset in reversed(segment.entries()):
            block = list(_lines(segment, segment.base + line, offset, end))
            yield from (entry for entry in reversed(block) if entry[0] < book.total)
            end = offset


def _lines(segment: Segment, number: int, offset: int, end: int | None) -> Iterator[Numbered]:
    """Whole lines between two offsets, without their newlines; the first one has this number."""
    torn = b""
    with segment.path.open("rb") as file:
        file.seek(offset)
        while block := file.read(WINDOW if end is None else min(WINDOW, end - file.tell())):
            *whole, torn = (torn + block).split(b"\n")
            yield from enumerate(whole, number)
            number += len(whole)
