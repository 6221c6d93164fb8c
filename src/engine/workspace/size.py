"""How many bytes a folder takes on the disk, counted in pieces of bounded effort while a sandbox writes to it."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from engine.workspace.tree_walk import beneath, opened

DEEPEST = 200  # folders inside each other; what lies deeper is not counted
MOST_PENDING = 100_000  # folders still to be looked at; more are not counted


def disk_use(folder: Path) -> Iterator[int]:
    """The bytes of one entry after another; links are not followed, what goes meanwhile is left out (blocking)."""
    try:
        with opened(folder) as root:
            pending = [b""]
            while pending:
                yield from _of_one(root, pending.pop(), pending)
    except FileNotFoundError:
        return


def counted(walk: Iterator[int], seconds: float) -> tuple[int, bool]:
    """Go on with a count for at most this long: the bytes found, and whether that was the end (blocking)."""
    total, deadline = 0, time.monotonic() + seconds
    for size in walk:
        total += size
        if time.monotonic() > deadline:
            return total, False
    return total, True


def _of_one(root: int, path: bytes, pending: list[bytes]) -> Iterator[int]:
    try:
        with beneath(root, path) as here, os.scandir(here) as found:
            for item in found:
                status = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) and path.count(b"/") < DEEPEST and len(pending) < MOST_PENDING:
                    name = os.fsencode(item.name)
                    pending.append(path + b"/" + name if path else name)
                yield status.st_blocks * 512
    except OSError:
        return  # it went, closed or was exchanged for something else while it was looked at
