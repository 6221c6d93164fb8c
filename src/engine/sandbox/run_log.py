"""The writer and live reader of one run's log folder."""

import asyncio
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from engine.redaction import Redactor
from engine.sandbox.driver import Chunk
from engine.sandbox.log_lines import (
    ERR,
    GAP,
    HEAD,
    LINE_LIMIT,
    MARKS,
    NOTE,
    OUT,
    Joiner,
    Lines,
    Seen,
    line,
    parse_stamp,
    stamp,
    stamp_of,
)
from engine.sandbox.log_pages import SEALED, last_lines
from engine.sandbox.log_recall import recall
from engine.sandbox.log_writer import SEGMENTS, SegmentWriter

FLUSH_AFTER = 0.05  # seconds a line may wait for company; a kill -9 within it costs nothing, the daemon still has it
TAIL_TEXT = 4_000  # characters of one line in `tail`
RESUMED = 20  # lines at the end of a log that say whether a private key goes on


class RunLog:
    """Lines go in, in blocks; they are numbered from 0 and a number is never used again.

    Used on the event loop: a block is one write(2) of at most 64 KiB to the page cache, some 30 µs, where handing it to
    a thread costs more than that in switches and would let a line overtake another. `total`: lines ever written;
    `gaps`: gap markers a reader can meet; `missing`: lines of the sandbox dropped because the log is bounded; `tap` is
    given each block of stored lines, without its secrets.
    """

    def __init__(self, folder: Path, limit: int, redactor: Redactor | None = None) -> None:
        self.folder = folder
        self._redactor = redactor or Redactor()
        self._writer = SegmentWriter(folder, limit)
        self._closer = weakref.finalize(self, self._writer.close)
        self.line_limit = min(LINE_LIMIT, limit // SEGMENTS)
        self._joiner = Joiner(self.line_limit)
        self._seen, self._stored_gaps = recall(folder)
        self._buffer: list[Lines] = []
        self._waiting = 0
        self._bytes = 0
        self._uncounted = 0
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self.tap: Callable[[bytes], None] | None = None
        self.sealed = (folder / SEALED).exists()
        for entry in last_lines(folder, RESUMED):
            self._redactor.resume(MARKS[entry.stream], entry.text)

    @classmethod
    def open(cls, folder: Path, limit: int, redactor: Redactor | None = None) -> "RunLog":
        """A new log, or the continuation of one; `limit` in bytes of all its segments. `redactor` knows the secrets of
        the run; without it the formats that everybody knows are cut."""
        return cls(folder, limit, redactor)

    @property
    def last_at(self) -> int | None:
        """Time of the newest whole line from the sandbox, in nanoseconds; None before the first."""
        return parse_stamp(self._seen.newest) if self._seen.newest else None

    @property
    def seen(self) -> Seen:
        """The resume position of each stream."""
        return self._seen.copy()

    @property
    def total(self) -> int:
        return self._writer.total + self._waiting

    @property
    def missing(self) -> int:
        return self._writer.missing

    @property
    def gaps(self) -> int:
        return self._stored_gaps + (self.missing > 0) + (self._lost > 0)

    def uncounted(self) -> int:
        """Bytes taken in since this was asked last."""
        size, self._uncounted = self._uncounted, 0
        return size

    def write(self, chunk: Chunk) -> None:
        """Store the whole lines of a chunk; its unfinished end waits for the next chunk of its stream."""
        mark, when, data = MARKS[chunk.stream], stamp(chunk.at), chunk.data
        if mark in self._joiner.pending:
            piece, newline, data = data.partition(b"\n")
            if not newline:
                self._joiner.add(mark, when, piece)
                return
            first, stored = self._joiner.end(mark, piece)
            self._put(stored, 1, mark, first)
        body, newline, rest = data.rpartition(b"\n")
        if newline:
            self._put_whole(mark, when, body)
        if rest:
            self._joiner.add(mark, when, rest)

    def write_lines(self, lines: Lines) -> None:
        """Store lines that are in stored form already."""
        self._seen = lines.seen.copy()
        self._stored_gaps += lines.extras
        self._add(lines)

    def note(self, text: str, at: datetime) -> None:
        """The engine's own word in the log, on disk when this returns."""
        self._own(NOTE, text, at)

    def gap(self, text: str, at: datetime) -> None:
        """A marker: lines are missing here, and how many as far as that can be known."""
        self._stored_gaps += 1
        self._own(GAP, text, at)

    def finish_lines(self) -> None:
        """Store what never got its newline: the output has ended."""
        for mark, when, stored in self._joiner.end_all():
            self._put(stored, 1, mark, when)
        self.flush()

    def flush(self) -> None:
        """Hand what is buffered to the file system and tell the readers. A disk that refuses makes a gap, no error."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._buffer:
            return
        buffer, self._buffer, self._waiting, self._bytes = self._buffer, [], 0, 0
        # Lines are whole here, wherever the frames and blocks that brought them ended.
        data = self._redactor.lines(b"".join(lines.data for lines in buffer), HEAD)
        if self.tap is not None:
            self.tap(data)
        self._append(data, sum(lines.count for lines in buffer), sum(lines.extras for lines in buffer))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def seal(self) -> None:
        """No more lines will come; known after a restart too."""
        self.finish_lines()
        self._tell_lost()
        self.sealed = True
        with suppress(OSError):  # a full disk must not keep a run from ending
            (self.folder / SEALED).touch(mode=0o600)
        self._writer.close()
        self._news.set()

    def close(self) -> None:
        """Let go of the files; the log can be opened again."""
        self.flush()
        self._tell_lost()
        self._writer.close()

    def tail(self, n: int) -> list[str]:
        """The last `n` lines of the sandbox as text, each within TAIL_TEXT characters."""
        self.flush()
        return [entry.text[:TAIL_TEXT] for entry in last_lines(self.folder, n)]

    async def grown(self, beyond: int) -> None:
        """Return when more than `beyond` lines can be read, or when the log is sealed."""
        while self._writer.total <= beyond and not self.sealed:
            await self._news.wait()

    def _put_whole(self, mark: bytes, when: bytes, body: bytes) -> None:
        head = mark + when + b" "
        if len(body) > self.line_limit:
            for piece in body.split(b"\n"):
                self._joiner.add(mark, when, piece)
                self._put(self._joiner.end(mark)[1], 1, mark, when)
            return
        stored = b"".join((head, body.replace(b"\n", b"\n" + head), b"\n"))
        self._put(stored, body.count(b"\n") + 1, mark, when)

    def _put(self, stored: bytes, count: int, mark: bytes, when: bytes) -> None:
        if mark == OUT:
            self._seen.out = when
        elif mark == ERR:
            self._seen.err = when
        own = count if mark in (GAP, NOTE) else 0
        self._stored_gaps += count if mark == GAP else 0
        self._add(Lines(stored, count, own))

    def _own(self, mark: bytes, text: str, at: datetime) -> None:
        self._add(Lines(line(mark, stamp_of(at), text.encode("utf-8", "replace")), 1, 1))
        self.flush()

    def _add(self, lines: Lines) -> None:
        self._uncounted += len(lines.data)
        self._buffer.append(lines)
        self._waiting += lines.count
        self._bytes += len(lines.data)
        if self._bytes >= self._writer.block:
            self.flush()
        elif self._timer is None:
            self._flush_soon()

    def _flush_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._timer = loop.call_later(FLUSH_AFTER, self.flush)

    def _append(self, data: bytes, count: int, extras: int) -> None:
        """In pieces of about one block, each ending with a line, so that segments keep their size."""
        start = 0
        while start < len(data):
            end = min(len(data), start + self._writer.block)
            end = data.rfind(b"\n", start, end) + 1 or data.index(b"\n", start) + 1
            piece = data[start:end] if start or end < len(data) else data
            lines = piece.count(b"\n") if piece is not data else count
            own = _own_lines(piece) if extras and piece is not data else extras
            self._store(piece, lines, own)
            start = end

    def _store(self, data: bytes, count: int, extras: int) -> None:
        try:
            self._tell_lost()
            if not self._lost:
                self._writer.append(data, count, extras)
                return
        except OSError:
            pass
        self._lost += count

    def _tell_lost(self) -> None:
        """A marker for what the disk did not take, as soon as it takes something."""
        if self._lost:
            text = f"{self._lost} lines are missing here: the disk took no more".encode()
            with suppress(OSError):
                self._writer.append(line(GAP, stamp(time.time_ns()), text), 1, 1)
                self._stored_gaps += 1
                self._lost = 0


def _own_lines(data: bytes) -> int:
    text = b"\n" + data
    return text.count(b"\ng") + text.count(b"\nn")
