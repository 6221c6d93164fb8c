"""Looking at a folder that a sandbox wrote: no link is followed, nothing is opened that is not a plain file.

Paths are bytes relative to the folder, as git keeps them. Every descent goes folder by folder on open descriptors, so
that a part of a path that was exchanged for a link is an error and never a way out.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import Conflict
from engine.workspace.merging import shown_path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
GIT_NAMES = (b".git", b"git~1")
RULE_FILES = frozenset({b".gitignore", b".gitattributes"})
MOST_RULES = 1024**2  # bytes of a .gitignore that git is asked to read


class EntryKind(StrEnum):
    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder. `size` in bytes."""

    path: bytes
    kind: EntryKind
    executable: bool
    size: int


def is_git_name(name: bytes) -> bool:
    """Names that git takes for its own folder on some system, and therefore refuses to store."""
    low = name.lower()
    return any(
        low.startswith(git) and not low[len(git) :].split(b":")[0].split(b"\\")[0].strip(b" .") for git in GIT_NAMES
    )


@contextmanager
def opened(root: Path) -> Iterator[int]:
    """A descriptor of the folder itself, which is never a link."""
    descriptor = os.open(root, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def beneath(root: int, path: bytes) -> Iterator[int]:
    """A descriptor of the folder `path` under `root`, each step without following a link."""
    here = os.dup(root)
    try:
        for name in path.split(b"/") if path else ():
            following = os.open(name, FOLDER, dir_fd=here)
            os.close(here)
            here = following
        yield here
    finally:
        os.close(here)


def list_folder(root: int, path: bytes, room: int) -> list[Entry]:
    """What stands in one folder, without git's own names; Conflict when that is more than `room` entries."""
    entries: list[Entry] = []
    with beneath(root, path) as here, os.scandir(here) as found:
        for item in found:
            name = os.fsencode(item.name)
            if is_git_name(name):
                continue
            entry = _entry(path + b"/" + name if path else name, item.stat(follow_symlinks=False))
            _require_readable_rules(name, entry)
            entries.append(entry)
            if len(entries) > room:
                what = "the work tree holds too many files"
                raise Conflict(what, hint="ignore what is made by the build in .gitignore")
    return entries


def _entry(path: bytes, found: os.stat_result) -> Entry:
    if stat.S_ISDIR(found.st_mode):
        return Entry(path, EntryKind.FOLDER, False, 0)
    if stat.S_ISLNK(found.st_mode):
        return Entry(path, EntryKind.LINK, False, found.st_size)
    if stat.S_ISREG(found.st_mode):
        return Entry(path, EntryKind.FILE, bool(found.st_mode & stat.S_IXUSR), found.st_size)
    return Entry(path, EntryKind.OTHER, False, 0)


def _require_readable_rules(name: bytes, entry: Entry) -> None:
    """git opens these files itself: a pipe would hold it for ever, a huge one would fill the memory."""
    if name in RULE_FILES and (entry.kind is EntryKind.OTHER or entry.size > MOST_RULES):
        raise Conflict(
            f"{shown_path(entry.path)} in the work tree is no plain file of at most 1 MB",
            hint="remove it in the task's command",
        )
