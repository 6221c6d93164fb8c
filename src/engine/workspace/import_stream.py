"""The difference between a commit and a scanned work tree, written as one `git fast-import` stream."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from engine.errors import Conflict
from engine.workspace.git import EMAIL, NAME
from engine.workspace.merging import clean_message, shown_path
from engine.workspace.snapshot import LINK_TO_REPOSITORY, Scan, Tracked
from engine.workspace.tree_walk import FILE, Entry, EntryKind, beneath, opened

MOST_FILE = 1024**3
MOST_CHANGED = 4 * 1024**3  # bytes of all changed files of one snapshot
READ = 1024**2
QUOTED = {ord("\\"): b"\\\\", ord('"'): b'\\"', ord("\n"): b"\\n"}


@dataclass
class ImportStream:
    """Writes one commit on `ref`; `changes` counts what differs from the base."""

    target: BinaryIO
    changes: int = 0
    _changed: int = field(default=0, init=False)

    def begin(self, ref: str, base: str, message: str, at: int) -> None:
        """`at` in seconds since the epoch."""
        text = clean_message(message)
        self.target.write(f"feature done\ncommit {ref}\n".encode())
        self.target.write(f"committer {NAME} <{EMAIL}> {at} +0000\ndata {len(text)}\n".encode())
        self.target.write(text + f"\nfrom {base}\n".encode())

    def end(self) -> None:
        self.target.write(b"done\n")

    def delete(self, path: bytes) -> None:
        self.changes += 1
        self.target.write(b"D " + quoted(path) + b"\n")

    def header(self, path: bytes, mode: str, size: int) -> None:
        self._changed += size
        if self._changed > MOST_CHANGED:
            raise Conflict(
                "the changed files hold more than 4 GB", hint="ignore what is made by the build in .gitignore"
            )
        self.changes += 1
        self.target.write(b"M " + mode.encode() + b" inline " + quoted(path) + f"\ndata {size}\n".encode())


def quoted(path: bytes) -> bytes:
    """A path in the quotes that fast-import reads; every other byte stands as it is."""
    return b'"' + b"".join(QUOTED.get(byte, bytes((byte,))) for byte in path) + b'"'


def write_changes(stream: ImportStream, folder: Path, found: Scan, tracked: Mapping[bytes, Tracked], base: str) -> None:
    """Deletions first, so that a file may take the place of a folder and the other way round."""
    algorithm = "sha1" if len(base) == 40 else "sha256"
    inside = _linked(found, tracked)
    for path, was in sorted(tracked.items()):
        if path not in found.entries and not (was.mode == LINK_TO_REPOSITORY and path in inside):
            stream.delete(path)
    with opened(folder) as root:
        for path, entry in sorted(found.entries.items()):
            try:
                _write(stream, root, entry, tracked.get(path), algorithm)
            except PermissionError as error:
                what = f"{shown_path(path)} cannot be read"
                raise Conflict(what, hint="give it back its permissions in the task") from error


def _linked(found: Scan, tracked: Mapping[bytes, Tracked]) -> set[bytes]:
    """Links to other repositories whose folder is there and holds nothing: they stay as they are."""
    links = {path for path, was in tracked.items() if was.mode == LINK_TO_REPOSITORY and path in found.folders}
    return {link for link in links if not any(path.startswith(link + b"/") for path in found.entries)}


def _write(stream: ImportStream, root: int, entry: Entry, was: Tracked | None, algorithm: str) -> None:
    folder, _, name = entry.path.rpartition(b"/")
    with beneath(root, folder) as here:
        if entry.kind is EntryKind.LINK:
            target = os.readlink(name, dir_fd=here)
            if was is None or was != Tracked("120000", _hash(target, algorithm)):
                stream.header(entry.path, "120000", len(target))
                stream.target.write(target + b"\n")
            return
        descriptor = os.open(name, FILE, dir_fd=here)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_FILE:
            what = f"{shown_path(entry.path)} is no plain file of at most 1 GB"
            raise Conflict(what, hint="ignore it in .gitignore or remove it in the task")
        mode = "100755" if about.st_mode & stat.S_IXUSR else "100644"
        if was is None or was != Tracked(mode, _hash_file(file, about.st_size, algorithm)):
            stream.header(entry.path, mode, about.st_size)
            file.seek(0)
            _copy(file, stream.target, about.st_size, entry.path)


def _hash(content: bytes, algorithm: str) -> str:
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _hash_file(file: FileIO, size: int, algorithm: str) -> str:
    digest = hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
    while part := file.read(READ):
        digest.update(part)
    return digest.hexdigest()


def _copy(file: FileIO, target: BinaryIO, size: int, path: bytes) -> None:
    left = size
    while left:
        part = file.read(min(READ, left))
        if not part:
            what = f"{shown_path(path)} became shorter while it was read"
            raise Conflict(what, hint="something of the task is still running")
        target.write(part)
        left -= len(part)
    target.write(b"\n")
