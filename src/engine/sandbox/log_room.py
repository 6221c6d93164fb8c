"""The room all logs of a project take together: the oldest ended ones are dropped whole when it is too much."""

import os
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from engine.sandbox.log_lines import GAP, line, stamp_of
from engine.sandbox.log_pages import SEALED
from engine.sandbox.log_segments import Segment, extras_in, list_segments
from engine.units import format_size

WORTH = 4096  # bytes: a smaller log is not worth dropping, what is left of a dropped one needs some of them


class LogRoom:
    """The logs in one folder, a folder each, and the most bytes they may take. Blocks on the disk.

    Remembers the size and end of logs that have ended, as they do not change any more.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._ended: dict[str, tuple[float, int]] = {}  # run: time of its end, bytes

    def trim(self, live: Collection[str], now: datetime) -> list[str]:
        """Drop what is too much, oldest first, but no log of a `live` run and none that was never ended; the runs whose
        logs were dropped. A marker stands in place of each."""
        taken = self._look(live)
        dropped = []
        for run, (_, size) in sorted(self._ended.items(), key=lambda entry: entry[1]):
            if taken <= self._limit:
                break
            if size > WORTH and run not in live:
                _drop(self._root / run, self._limit, now)
                left = _size(self._root / run)
                self._ended[run] = (self._ended[run][0], left)
                taken -= size - left
                dropped.append(run)
        return dropped

    def _look(self, live: Collection[str]) -> int:
        """Bytes of all logs."""
        total = 0
        found = {}
        with os.scandir(self._root) as folders:
            for folder in folders:
                known = None if folder.name in live else self._ended.get(folder.name)
                if known is None:
                    size, ended = _size(Path(folder.path)), _ended_at(Path(folder.path))
                    total += size
                    if ended is not None:
                        found[folder.name] = (ended, size)
                else:
                    total += known[1]
                    found[folder.name] = known
        self._ended = found
        return total


def _ended_at(folder: Path) -> float | None:
    try:
        return (folder / SEALED).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


def _size(folder: Path) -> int:
    """Bytes of a log's files; one that goes meanwhile takes none."""
    total = 0
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
        for file in files:
            with suppress(FileNotFoundError):
                total += file.stat(follow_symlinks=False).st_size
    return total


def _drop(folder: Path, limit: int, now: datetime) -> None:
    """Leave a segment behind the last line that holds nothing but a marker; its name says how many lines there were.

    It is there before the first segment goes, so a reader meets the lines, the marker, or both, and never neither.
    """
    segments = list_segments(folder)
    if not segments:
        return
    last = segments[-1]
    marker = Segment(last.base + last.count(), last.extras + extras_in(last.path), folder)
    text = f"this log was dropped whole: all logs together are kept within {format_size(limit)} (sandbox.log_total)"
    made = folder / "dropped"
    made.write_bytes(line(GAP, stamp_of(now), text.encode()))
    made.chmod(0o600)
    made.rename(marker.path)
    for segment in segments:
        segment.path.unlink(missing_ok=True)
        segment.index.unlink(missing_ok=True)
