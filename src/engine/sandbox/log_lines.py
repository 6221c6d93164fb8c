"""One stored line: a mark, the source's time stamp, a space, the text, a newline.

`o2026-03-01T12:00:00.000000001Z hello` is a line of standard output. The text holds no newline by construction and
every line begins with a mark we wrote, so a line of a sandbox cannot pass for another stream's, nor for one of ours.
The stamp is RFC 3339 with nine digits, exactly as a container daemon sends it: its lines are stored as they come, and
stamps of one length order as bytes do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from engine.api import LogLine
from engine.model import Stream

NANO = 1_000_000_000
STAMP = 30  # bytes of a stamp
HEAD = STAMP + 2  # bytes before the text
LINE_LIMIT = 1024**2  # bytes of text kept of one line (R55); what is cut is counted at its end
MARKS = {Stream.OUT: b"o", Stream.ERR: b"e", Stream.GAP: b"g", Stream.NOTE: b"n"}
STREAMS = {mark[0]: stream for stream, mark in MARKS.items()}
OUT, ERR, GAP, NOTE = (MARKS[stream] for stream in Stream)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(at: int) -> bytes:
    """Nanoseconds since the epoch as a stamp."""
    seconds, nanos = divmod(at, NANO)
    return b"%b.%09dZ" % (_whole(seconds), nanos)


def stamp_of(at: datetime) -> bytes:
    """A time as a stamp; what is before the epoch is the epoch."""
    delta = max(at, EPOCH) - EPOCH
    return stamp((delta.days * 86_400 + delta.seconds) * NANO + delta.microseconds * 1_000)


@lru_cache(maxsize=64)
def _whole(seconds: int) -> bytes:
    return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}".encode()


def parse_stamp(raw: bytes) -> int:
    """Nanoseconds since the epoch; ValueError for anything but a stamp."""
    if len(raw) != STAMP or raw[19:20] != b"." or raw[29:] != b"Z":
        raise ValueError(f"{raw[:40]!r} is not a time stamp")
    whole = datetime.fromisoformat(raw[:19].decode("ascii")).replace(tzinfo=UTC)
    return (whole - EPOCH).days * 86_400 * NANO + (whole - EPOCH).seconds * NANO + int(raw[20:29])


def line(mark: bytes, when: bytes, text: bytes) -> bytes:
    """One stored line; newlines within the text become spaces."""
    return b"".join((mark, when, b" ", text.replace(b"\n", b" "), b"\n"))


def bounded(text: bytes, cut: int = 0, limit: int = LINE_LIMIT) -> bytes:
    """The text within the limit; `cut` bytes more were already dropped from its end."""
    cut += max(0, len(text) - limit)
    return text if not cut else text[:limit] + f" … [{cut} bytes cut]".encode()


def decode(number: int, raw: bytes) -> LogLine:
    """A stored line without its newline; one that cannot be read says so instead of breaking its page (R16)."""
    try:
        at = datetime.fromisoformat(raw[1 : HEAD - 1].decode("ascii"))
        return LogLine(n=number, at=at, stream=STREAMS[raw[0]], text=raw[HEAD:].decode("utf-8", "replace"))
    except (ValueError, KeyError, IndexError):
        return LogLine(n=number, at=EPOCH, stream=Stream.GAP, text="this line of the log file cannot be read")


@dataclass
class Seen:
    """The stamp of the last whole line of each stream: the position a reader resumes from. Empty: none yet."""

    out: bytes = b""
    err: bytes = b""

    @property
    def newest(self) -> bytes:
        return max(self.out, self.err)

    def copy(self) -> "Seen":
        return Seen(self.out, self.err)


@dataclass(frozen=True)
class Lines:
    """Whole stored lines: `count` of them, `extras` of these gap markers; `seen` is the position after them."""

    data: bytes
    count: int
    extras: int = 0
    seen: Seen = field(default_factory=Seen)


@dataclass
class _Pending:
    """The beginning of a line that goes on. `cut`: bytes beyond the limit, counted but not kept."""

    when: bytes
    text: bytearray
    cut: int = 0


class Joiner:
    """Puts the pieces of a line together, per stream, in bounded memory. `pending`: what has no end yet, by mark."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self.pending: dict[bytes, _Pending] = {}

    def add(self, mark: bytes, when: bytes, piece: bytes) -> None:
        """Keep a piece without a newline; the stamp of the first piece is the line's."""
        pending = self.pending.setdefault(mark, _Pending(when, bytearray()))
        room = max(0, self._limit - len(pending.text))
        pending.text += piece[:room]
        pending.cut += max(0, len(piece) - room)

    def end(self, mark: bytes, piece: bytes = b"") -> tuple[bytes, bytes]:
        """The stamp of the pending line and that line, stored form, with its last piece."""
        self.add(mark, b"", piece)
        pending = self.pending.pop(mark)
        return pending.when, line(mark, pending.when, bounded(bytes(pending.text), pending.cut, self._limit))

    def end_all(self) -> Iterable[tuple[bytes, bytes, bytes]]:
        """Mark, stamp and stored form of every line that never got its newline."""
        return [(mark, *self.end(mark)) for mark in list(self.pending)]
