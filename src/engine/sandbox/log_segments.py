"""The files of one run's log: segments named by the lines before them, each with an offset index beside it.

`000000004096-000002.log` begins with line 4,096; 2 of the lines before it were not the sandbox's own (gap markers,
notes). So the names alone say which lines are kept and exactly how many of the sandbox's lines are not, and dropping a
segment is one unlink. The index holds (line, offset) pairs, one for every block of at least STRIDE bytes; it can be
rebuilt from the segment at any time, and a reader only uses it to begin near a line.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENTRY = struct.Struct("<QQ")  # line within the segment, byte offset
STRIDE = 16 * 1024
BLOCK = 64 * 1024


@dataclass(frozen=True, order=True)
class Segment:
    """One file of lines; from line `base` on, `extras` lines before it were not the sandbox's."""

    base: int
    extras: int
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.base:012d}-{self.extras:06d}.log"

    @property
    def index(self) -> Path:
        return self.path.with_suffix(".idx")

    def entries(self) -> list[tuple[int, int]]:
        """(line within the segment, offset) pairs in order, the start first; missing or torn ones are left out."""
        try:
            raw = self.index.read_bytes()
        except OSError:
            raw = b""
        whole = len(raw) - len(raw) % ENTRY.size
        return [(0, 0), *ENTRY.iter_unpack(raw[:whole])]

    def count(self) -> int:
        """Whole lines in the file: those the index knows, and the newlines after its last entry."""
        lines, offset = self.entries()[-1]
        with self.path.open("rb") as file:
            file.seek(offset)
            while block := file.read(BLOCK):
                lines += block.count(b"\n")
        return lines


def list_segments(folder: Path) -> list[Segment]:
    """The segments of a log, oldest first; none when the folder is missing."""
    found = []
    for path in folder.glob("*.log"):
        base, _, extras = path.stem.partition("-")
        if base.isdecimal() and extras.isdecimal():
            found.append(Segment(int(base), int(extras), folder))
    return sorted(found)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def mend(segment: Segment) -> int:
    """Make a segment sound after a crash: a torn last line is cut off and the index rebuilt unless it fits.

    Returns the size in bytes.
    """
    size = kept = segment.path.stat().st_size
    with segment.path.open("r+b") as file:
        while kept:
            start = max(0, kept - BLOCK)
            file.seek(start)
            newline = file.read(kept - start).rfind(b"\n")
            kept = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        if kept != size:
            file.truncate(kept)
    if not _index_fits(segment, kept):
        _rebuild(segment)
    return kept


def _index_fits(segment: Segment, size: int) -> bool:
    """Whether no entry points behind the end and the last one points behind a newline."""
    try:
        torn = segment.index.stat().st_size % ENTRY.size
    except FileNotFoundError:
        return size < STRIDE
    offset = segment.entries()[-1][1]
    if torn or offset > size:
        return False
    with segment.path.open("rb") as file:
        file.seek(max(0, offset - 1))
        return offset == 0 or file.read(1) == b"\n"


def _rebuild(segment: Segment) -> None:
    entries, lines, offset = [], 0, 0
    for block in _blocks(segment.path):
        last = block.rfind(b"\n") + 1
        lines += block.count(b"\n")
        if last:
            entries.append(ENTRY.pack(lines, offset + last))
        offset += len(block)
    segment.index.write_bytes(b"".join(entries))


def extras_in(path: Path) -> int:
    """Gap markers and notes in a segment; each line begins with its mark."""
    found, before = 0, b"\n"
    for block in _blocks(path):
        text = before + block
        found += text.count(b"\ng") + text.count(b"\nn")
        before = block[-1:]
    return found
