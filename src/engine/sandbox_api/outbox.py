"""The outbox of one run: JSON files that its sandbox puts down, read without following or opening anything but them."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

OUTBOX = "outbox"
REPLIES = "replies"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.json")
VERDICT = "verdict.json"
LEFT_ALONE = frozenset({VERDICT})  # read once the run has ended, by whoever judges it
LARGEST = 1024**2  # bytes of one file
MOST = 200  # files taken in one look
MOST_SEEN = 10_000  # entries looked at
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@dataclass(frozen=True)
class Letter:
    """One file, gone from the outbox; `refused` says why it was not read."""

    name: str
    content: bytes
    refused: str = ""


def take(folder: Path) -> list[Letter]:
    """Take the letters out, oldest first; blocks on the disk. What is no JSON file by its name stays unread."""
    try:
        here = os.open(folder, FOLDER)
    except OSError:
        return []
    try:
        return [letter for name in _waiting(here) if (letter := _taken(here, name)) is not None]
    finally:
        os.close(here)


def _waiting(here: int) -> list[str]:
    found: list[tuple[int, str]] = []
    with os.scandir(here) as entries:
        for seen, entry in enumerate(entries):
            if seen >= MOST_SEEN:
                break
            if NAME.fullmatch(entry.name) and entry.name not in LEFT_ALONE:
                try:
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
                except OSError:
                    continue  # it went meanwhile
    return [name for _, name in sorted(found)[:MOST]]


def _taken(here: int, name: str) -> Letter | None:
    """Read it, then unlink it; None when it is gone or cannot be taken away."""
    content, refused = b"", ""
    try:
        content, refused = _read(here, name)
    except FileNotFoundError:
        return None
    except OSError as error:
        refused = f"it cannot be read: {error.strerror}"
    try:
        os.unlink(name, dir_fd=here)
    except OSError:
        return None  # a folder of that name: it is never read
    return Letter(name, content, refused)


def _read(here: int, name: str) -> tuple[bytes, str]:
    """What a plain file of a bounded size holds, or why it is not read."""
    descriptor = os.open(name, FILE, dir_fd=here)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"", "it is no plain file"
        if status.st_size > LARGEST:
            return b"", f"it is larger than {LARGEST:,} bytes"
        return os.read(descriptor, LARGEST), ""
    finally:
        os.close(descriptor)


def read_verdict(folder: Path) -> Letter | None:
    """What a run left as its verdict, which stays where it is; None without one. Blocks on the disk."""
    try:
        here = os.open(folder, FOLDER)
    except OSError:
        return None
    try:
        content, refused = _read(here, VERDICT)
    except FileNotFoundError:
        return None
    except OSError as error:
        content, refused = b"", f"it cannot be read: {error.strerror}"
    finally:
        os.close(here)
    return Letter(VERDICT, content, refused)


def put_reply(folder: Path, name: str, content: bytes) -> None:
    """The answer to a letter, under its own name, whole at once; `folder` is the engine's. Blocks."""
    temporary = folder / f".{name}.tmp"
    temporary.write_bytes(content)
    temporary.chmod(0o644)
    temporary.replace(folder / name)
