"""Reads a process sandbox's output while the shim writes it, from any position."""

import os
import time
from pathlib import Path

from engine.sandbox.log_lines import ERR, GAP, HEAD, LINE_LIMIT, OUT, STAMP, Lines, Seen, bounded, line, stamp
from engine.sandbox.process_output import segment_path, segments

BATCH = 256 * 1024
LONGEST = LINE_LIMIT + 4096  # a stored line with its mark, stamp and the words about what was cut


class OutputReader:
    """Whole lines in order, each once, after the position `seen`; files dropped unread become a gap line.

    Blocks on the disk: `read` belongs in a thread, `grown` costs two system calls.
    """

    def __init__(self, folder: Path, seen: Seen, line_limit: int = LINE_LIMIT) -> None:
        self._folder, self._seen, self._line_limit = folder, seen.copy(), line_limit
        self._after = seen.newest
        self._file = -1
        self._base = self._offset = 0
        self._line = 0  # number of the line at the offset

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def grown(self) -> bool:
        """Whether a read would find something."""
        return (
            self._file < 0
            or os.fstat(self._file).st_size > self._offset
            or (self._line > self._base and segment_path(self._folder, self._line).exists())
        )

    def read(self) -> Lines | None:
        """The next lines; None when there are none yet."""
        gap = b"" if self._file >= 0 else self._open_first()
        while self._file >= 0:
            following = self._following()
            # Listed first: once there is a next file nothing is added to this one, so its end is its end.
            data = self._whole_lines()
            unseen = self._unseen(data)
            if gap or unseen:
                return self._lines(gap, unseen)
            if not data and following is None:
                return None
            if not data and following is not None:
                gap = self._open(*following)
        return None

    def _open_first(self) -> bytes:
        """The newest file that begins at or before the position, else the oldest."""
        found = segments(self._folder)
        fitting = [entry for entry in found if self._after and _first_stamp(entry[1]) <= self._after]
        return self._open(*(fitting[-1] if fitting else found[0])) if found else b""

    def _following(self) -> tuple[int, Path] | None:
        return next(((base, path) for base, path in segments(self._folder) if base > self._base), None)

    def _open(self, base: int, path: Path) -> bytes:
        """Go to the beginning of a file; a gap line when lines before it were never read."""
        resuming = self._file < 0 and self._after != b""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # dropped since it was listed: the next read finds a later one
            return b""
        self.close()
        missing = base - self._line
        self._file, self._base, self._offset, self._line = file, base, 0, base
        first = _first_stamp(path)
        if missing <= 0 or (resuming and first <= self._after):
            return b""
        self._after = b""
        words = f"{'at most ' if resuming else ''}{missing} lines are missing here: newer output took their place"
        return line(GAP, first or stamp(time.time_ns()), words.encode())

    def _whole_lines(self) -> bytes:
        data = os.pread(self._file, BATCH, self._offset)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == BATCH:
            data = os.pread(self._file, LONGEST, self._offset)
            end = data.find(b"\n") + 1
        self._offset += end
        self._line += data.count(b"\n", 0, end)
        return data[:end]

    def _unseen(self, data: bytes) -> bytes:
        """Without the lines up to the position the reader resumes from: stamps only ever grow."""
        if not self._after or not data:
            return data
        kept = [row for row in data[:-1].split(b"\n") if row[1 : STAMP + 1] > self._after]
        if kept:
            self._after = b""
        return b"".join(row + b"\n" for row in kept)

    def _lines(self, gap: bytes, data: bytes) -> Lines:
        if self._line_limit < LINE_LIMIT and data:
            rows = [row[:HEAD] + bounded(row[HEAD:], 0, self._line_limit) for row in data[:-1].split(b"\n")]
            data = b"".join(row + b"\n" for row in rows)
        text = b"\n" + gap + data
        self._seen.out = _last_stamp(text, OUT) or self._seen.out
        self._seen.err = _last_stamp(text, ERR) or self._seen.err
        return Lines(text[1:], text.count(b"\n") - 1, text.count(b"\n" + GAP), self._seen.copy())


def _last_stamp(text: bytes, mark: bytes) -> bytes:
    at = text.rfind(b"\n" + mark)
    return text[at + 2 : at + 2 + STAMP] if at >= 0 else b""


def _first_stamp(path: Path) -> bytes:
    """The stamp of a file's first line; nothing when it is empty or gone."""
    try:
        with path.open("rb") as file:
            return file.read(STAMP + 1)[1:]
    except FileNotFoundError:
        return b""
