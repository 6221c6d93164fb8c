"""Pages of a run's log: by line number or from the end, cheap on a million lines, safe beside a live writer."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from engine.api import LogLine, LogPage, LogQuery
from engine.model import Stream
from engine.sandbox.log_lines import ERR, GAP, HEAD, MARKS, OUT, decode
from engine.sandbox.log_segments import Segment, list_segments

SEALED = "sealed"  # this file in the folder: no more lines will come
PAGE_BYTES = 8 * 1024**2  # a page ends early rather than be larger
WINDOW = 128 * 1024  # bytes read at once
ATTEMPTS = 5  # a segment may be dropped between the listing and the reading of it

Numbered = tuple[int, bytes]


def read_page(folder: Path, run: str, query: LogQuery) -> LogPage:
    """The lines `query` names; an empty page for a folder that is missing. Blocks on the disk.

    Lines that were dropped from the front are one gap marker, numbered as the last of them, that says how many.
    """
    ended = (folder / SEALED).exists()  # looked at first: what is written before the seal is on the page
    book, picked = _read(folder, lambda book: _pick(book, query))
    lines = tuple(decode(number, raw) for number, raw in picked)
    return LogPage(run=run, lines=lines, first=book.first, total=book.total, ended=ended)


def last_lines(folder: Path, n: int) -> list[LogLine]:
    """The last `n` lines of the sandbox itself."""
    _, picked = _read(folder, lambda book: _from_end(book, lambda raw: raw[:1] in (OUT, ERR), n))
    return [decode(number, raw) for number, raw in picked]


def _wanted(stream: Stream | None) -> Callable[[bytes], bool] | None:
    """Lines of one stream; gap markers belong to each of them, as nobody knows whose lines are missing."""
    if stream is None:
        return None
    marks = (MARKS[stream], GAP)
    return lambda raw: raw[:1] in marks


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


def _read(folder: Path, pick: Callable[[_Book], list[Numbered]]) -> tuple[_Book, list[Numbered]]:
    """What `pick` finds in the log; once more when the writer dropped a segment under it."""
    for _ in range(ATTEMPTS):
        segments = list_segments(folder)
        if not segments:
            break
        try:
            book = _Book(segments, segments[0].base, segments[-1].base + segments[-1].count())
            return book, pick(book)
        except FileNotFoundError:
            continue
    return _Book((), 0, 0), []


def _pick(book: _Book, query: LogQuery) -> list[Numbered]:
    wanted = _wanted(query.stream)
    if query.tail is not None and query.after is None:
        return _from_end(book, wanted, min(query.tail, query.limit))
    return _from_line(book, 0 if query.after is None else query.after + 1, wanted, query.limit)


def _from_line(book: _Book, start: int, wanted: Callable[[bytes], bool] | None, limit: int) -> list[Numbered]:
    """At most `limit` lines with numbers from `start` on."""
    front = [entry for entry in book.front() if entry[0] >= start]
    lines: Iterable[Numbered] = chain(front, _forward(book, max(start, book.first)))
    if wanted is not None:
        lines = ((number, raw) for number, raw in lines if wanted(raw))
    return list(_within(islice(lines, limit)))


def _from_end(book: _Book, wanted: Callable[[bytes], bool] | None, count: int) -> list[Numbered]:
    """The last `count` lines, in order."""
    lines = _backward(book) if wanted is None else (entry for entry in _backward(book) if wanted(entry[1]))
    if wanted is None or wanted(GAP):
        lines = chain(lines, reversed(book.front()))
    return list(_within(islice(lines, count)))[::-1]


def _within(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """What fits a page; one line always does."""
    room = PAGE_BYTES
    for number, raw in lines:
        if len(raw) > room < PAGE_BYTES:
            return
        room -= len(raw)
        yield number, raw


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
