"""Artefacts: plain files of a work folder that a task promised, copied out before the folder goes.

Nothing is followed and nothing but plain files is opened (HARDENING fact 12, case 42); counts and sizes are bounded.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.units import format_size
from engine.workspace.merging import shown_path
from engine.workspace.tree_walk import FILE, Entry, EntryKind, beneath, list_folder, opened

MOST_ENTRIES = 100_000  # looked at in one work folder
MOST_FILES = 1_000  # kept of one run
MOST_BYTES = 256 * 1024**2  # of one file
MOST_IN_ALL = 1024**3  # of one run
BLOCK = 1024**2


@dataclass(frozen=True)
class Collected:
    """What was kept (path and bytes), and sentences about what was not."""

    kept: tuple[tuple[str, int], ...]
    refused: tuple[str, ...]


def collect(folder: Path, patterns: Sequence[str], target: Path) -> Collected:
    """Copy every plain file of `folder` that a pattern names to the same place under `target`.

    `*` and `?` stay within one folder, `**` crosses them. Blocks on the disk; Conflict when the folder holds more
    entries than are looked at.
    """
    wanted = [_as_regex(pattern) for pattern in patterns]
    kept: list[tuple[str, int]] = []
    refused: list[str] = []
    total = 0
    with opened(folder) as root:
        for entry in _walk(root):
            name = shown_path(entry.path)
            if not any(regex.fullmatch(entry.path) for regex in wanted):
                continue
            problem = _problem(entry, len(kept), total)
            if problem:
                refused.append(f"{name} is not kept: {problem}")
                continue
            size = _copy(root, entry, target)
            total += size
            kept.append((name, size))
    return Collected(tuple(kept), tuple(refused))


def _walk(root: int) -> Iterator[Entry]:
    folders, room = [b""], MOST_ENTRIES
    while folders:
        entries = list_folder(root, folders.pop(), room)
        room -= len(entries)
        for entry in sorted(entries, key=lambda found: found.path):
            if entry.kind is EntryKind.FOLDER:
                folders.append(entry.path)
            else:
                yield entry


def _problem(entry: Entry, files: int, total: int) -> str:
    if entry.kind is not EntryKind.FILE:
        return f"it is a {'link' if entry.kind is EntryKind.LINK else 'special file'}"
    if entry.size > MOST_BYTES:
        return f"{format_size(entry.size)} are more than {format_size(MOST_BYTES)}"
    if files >= MOST_FILES or total + entry.size > MOST_IN_ALL:
        return "the run has kept its share already"
    return ""


def _copy(root: int, entry: Entry, target: Path) -> int:
    """Copy one file, at most MOST_BYTES whatever it grows to meanwhile; the bytes copied."""
    place = target / os.fsdecode(entry.path)
    place.parent.mkdir(parents=True, exist_ok=True)
    folder, _, name = entry.path.rpartition(b"/")
    with beneath(root, folder) as here:
        source = os.open(name, FILE, dir_fd=here)
    copied = 0
    with os.fdopen(source, "rb") as reader, place.open("wb") as writer:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            return 0
        while copied < MOST_BYTES and (block := reader.read(min(BLOCK, MOST_BYTES - copied))):
            writer.write(block)
            copied += len(block)
    return copied


def _as_regex(pattern: str) -> re.Pattern[bytes]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts).encode(), re.DOTALL)
