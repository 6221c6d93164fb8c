"""Appends to the segments of one run's log and keeps them within their limit."""

import os
from contextlib import suppress
from pathlib import Path

from engine.sandbox.log_segments import BLOCK, ENTRY, STRIDE, Segment, extras_in, list_segments, mend

SEGMENTS = 8  # a full log consists of so many; the oldest eighth is dropped at once


class SegmentWriter:
    """Appends whole lines to the newest segment and drops the oldest beyond `limit` bytes. One writer per folder.

    Each append is one write(2) of a block to the page cache, which outlives a kill -9; the index entry follows the
    lines it describes, so that a crash between the two leaves an index that is only short.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._limit = limit
        self._segments = list_segments(folder) or [Segment(0, 0, folder)]
        self._sizes = [segment.path.stat().st_size for segment in self._segments[:-1]]
        newest = self._segments[-1]
        newest.path.touch(mode=0o600)
        self._sizes.append(mend(newest))
        self.total = newest.base + newest.count()
        self.extras = newest.extras + extras_in(newest.path)
        self._log = self._idx = -1
        self._indexed = newest.entries()[-1][1]
        self._open()

    @property
    def block(self) -> int:
        """Bytes one append should have at most."""
        return min(BLOCK, self._limit // SEGMENTS)

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(self._segments)

    @property
    def missing(self) -> int:
        """Lines of the sandbox that were dropped from the front."""
        return self._segments[0].base - self._segments[0].extras

    def append(self, data: bytes, count: int, extras: int) -> None:
        """Store `count` whole lines. OSError when the disk refuses; then nothing of them is stored."""
        if self._sizes[-1] >= self._limit // SEGMENTS:
            self._roll()
        if self._log < 0:
            self._open()
        size = self._sizes[-1]
        try:
            written = os.write(self._log, data)
            while written < len(data):
                written += os.write(self._log, data[written:])
        except OSError:
            os.ftruncate(self._log, size)
            raise
        self._sizes[-1] += len(data)
        self.total += count
        self.extras += extras
        if self._sizes[-1] - self._indexed >= STRIDE:
            self._indexed = self._sizes[-1]
            with suppress(OSError):  # a short index costs a reader time, never a line
                os.write(self._idx, ENTRY.pack(self.total - self._segments[-1].base, self._indexed))

    def close(self) -> None:
        for descriptor in (self._log, self._idx):
            if descriptor >= 0:
                os.close(descriptor)
        self._log = self._idx = -1

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._log = os.open(self._segments[-1].path, flags, 0o600)
        self._idx = os.open(self._segments[-1].index, flags, 0o600)

    def _roll(self) -> None:
        segment = Segment(self.total, self.extras, self._folder)
        segment.path.touch(mode=0o600)
        self.close()
        self._segments.append(segment)
        self._sizes.append(0)
        self._indexed = 0
        self._open()
        while len(self._segments) > 1 and sum(self._sizes) + self._limit // SEGMENTS > self._limit:
            oldest = self._segments.pop(0)
            self._sizes.pop(0)
            oldest.path.unlink(missing_ok=True)
            oldest.index.unlink(missing_ok=True)
