"""The output of a sandbox on disk, in the stored form of log lines. Standard library only: the shim writes it.

A line is its stream's mark, a time stamp (RFC 3339, nine digits, unique in the sandbox), a space and the text. Files
are named after the number of lines before them; only the newest few are kept, so a sandbox cannot fill the disk.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from engine.redaction import Redactor

NANO = 1_000_000_000
SEGMENT = 8 * 1024**2
KEEP = 8
LINE_LIMIT = 1024**2  # bytes of text kept of one line
PREFIX = "lines-"


def stamp(at: int) -> bytes:
    """Nanoseconds since the epoch as `2026-03-01T12:00:00.000000001Z`."""
    seconds, nanos = divmod(at, NANO)
    return b"%b.%09dZ" % (_whole(seconds), nanos)


def _whole(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()


def segments(folder: Path) -> list[tuple[int, Path]]:
    """The files that are there, oldest first, each with the number of lines before it."""
    return sorted((int(path.name.removeprefix(PREFIX)), path) for path in folder.glob(PREFIX + "*"))


def segment_path(folder: Path, lines_before: int) -> Path:
    return folder / f"{PREFIX}{lines_before:015d}"


class Writer:
    """Stores whole lines, without their secrets, as they are completed; what a full disk refuses is counted and told by
    a gap line."""

    def __init__(
        self, folder: Path, *, segment: int = SEGMENT, keep: int = KEEP, redactor: Redactor | None = None
    ) -> None:
        self._redactor = redactor or Redactor()
        self._folder, self._segment, self._keep = folder, segment, keep
        self._total = self._size = self._last = self._lost = 0
        self._parts: dict[bytes, bytearray] = {}
        self._cut: dict[bytes, int] = {}
        self._file = self._open()

    def add(self, mark: bytes, data: bytes) -> None:
        """Take bytes of a stream; its unfinished line waits in memory."""
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            first, *others = whole.split(b"\n")
            self._store(mark, [self._joined(mark, first), *(self._bounded(line) for line in others)])
        self._hold(mark, rest)

    def close(self) -> None:
        """Store the lines that never got their newline."""
        for mark in [mark for mark, part in self._parts.items() if part]:
            self._store(mark, [self._joined(mark, b"")])
        os.close(self._file)

    def _hold(self, mark: bytes, rest: bytes) -> None:
        part = self._parts.setdefault(mark, bytearray())
        room = max(0, LINE_LIMIT - len(part))
        part += rest[:room]
        self._cut[mark] = self._cut.get(mark, 0) + len(rest) - len(rest[:room])

    def _joined(self, mark: bytes, end: bytes) -> bytes:
        self._hold(mark, end)
        return self._bounded(bytes(self._parts.pop(mark)), self._cut.pop(mark))

    def _bounded(self, text: bytes, cut: int = 0) -> bytes:
        cut += max(0, len(text) - LINE_LIMIT)
        return text[:LINE_LIMIT] + f" … [{cut} bytes cut]".encode() if cut else text

    def _store(self, mark: bytes, lines: list[bytes]) -> None:
        lines = self._without_secrets(mark, lines)
        if self._lost:
            gap = f"{self._lost} lines are missing here: the disk took no more".encode()
            if not self._write(self._stamped(b"g", [gap]), 1):
                self._lost += len(lines)
                return
            self._lost = 0
        if not self._write(self._stamped(mark, lines), len(lines)):
            self._lost += len(lines)

    def _without_secrets(self, mark: bytes, lines: list[bytes]) -> list[bytes]:
        marked = b"\n".join([mark + line for line in lines])
        return [line[len(mark) :] for line in self._redactor.lines(marked, len(mark)).split(b"\n")]

    def _stamped(self, mark: bytes, lines: list[bytes]) -> bytes:
        """Stored form; stamps never repeat or run backwards, whatever the clock does."""
        start = max(time.time_ns(), self._last + 1)
        self._last = start + len(lines) - 1
        second, nanos = divmod(start, NANO)
        if nanos + len(lines) > NANO:
            return b"".join(b"%b%b %b\n" % (mark, stamp(start + n), line) for n, line in enumerate(lines))
        head = mark + _whole(second)
        return b"".join([b"%b.%09dZ %b\n" % (head, n, line) for n, line in enumerate(lines, nanos)])

    def _write(self, data: bytes, count: int) -> bool:
        """All of it or nothing."""
        try:
            if self._size >= self._segment:
                self._turn()
            written = os.write(self._file, data)
            if written == len(data):
                self._size += written
                self._total += count
                return True
        except OSError:
            pass
        with suppress(OSError):
            os.ftruncate(self._file, self._size)
        return False

    def _turn(self) -> None:
        file = self._open()
        os.close(self._file)
        self._file, self._size = file, 0
        for _, path in segments(self._folder)[: -self._keep]:
            path.unlink(missing_ok=True)

    def _open(self) -> int:
        name = segment_path(self._folder, self._total)
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
