"""Where a process sandbox keeps its records and its private scratch, and whose it is."""

import fcntl
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.errors import NameTaken, StoreError
from engine.ids import SafeName, safe_name
from engine.paths import ProjectPaths
from engine.sandbox import process_tree
from engine.sandbox.driver import Exit
from engine.sandbox.process_records import EXIT, LOCK, OWNER, SHIM, read_record

SHARED = Path("/var/tmp")
REMOVAL_LIMIT = 120.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SandboxFolder:
    """The records of one sandbox, in a folder only the engine's user can enter."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / LOCK

    def owner(self) -> dict[str, Any] | None:
        return read_record(self.path / OWNER)

    def shim(self) -> dict[str, Any] | None:
        return read_record(self.path / SHIM)

    def supervised(self) -> bool:
        """Whether its shim lives, or somebody is starting it at this moment."""
        shim = self.shim()
        if shim is not None:
            return process_tree.alive(shim["pid"], shim["identity"])
        return self._locked()

    def ended(self) -> Exit:
        """How it ended, once nobody supervises it."""
        record = read_record(self.path / EXIT)
        if record is None:
            because = "it was never started" if self.shim() is None else "what supervised it was killed"
            return Exit(None, lost=True, error=because)
        at = EPOCH + timedelta(microseconds=record["finished_at"] // 1000)
        return Exit(record["code"], record["signal"], error=record["error"], finished_at=at)

    def _locked(self) -> bool:
        try:
            lock = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


class Folders:
    """All folders of one engine's process sandboxes. `dropped`: they run as another user and need a way in."""

    def __init__(self, engine_id: str, paths: ProjectPaths) -> None:
        self.engine_id = engine_id
        self._paths = paths
        self.shared = SHARED / f"pilothouse-{engine_id.removeprefix('e-')[:8]}"

    def sandbox(self, name: SafeName) -> SandboxFolder:
        return SandboxFolder(self._paths.sandboxes / safe_name(name))

    def ours(self, name: SafeName) -> SandboxFolder | None:
        """The sandbox of this name; None when there is none, NameTaken when it is not this engine's (R41)."""
        folder = self.sandbox(name)
        owner = folder.owner()
        if owner is not None and owner.get("engine") != self.engine_id:
            raise NameTaken(f"the process sandbox {name} belongs to another engine", details={"name": name})
        return folder if owner is not None else None

    def all_ours(self) -> list[tuple[SafeName, SandboxFolder, Mapping[str, str]]]:
        """Every sandbox with our exact engine id; an unreadable one is nobody's. StoreError when it cannot be told."""
        try:
            entries = sorted(self._paths.sandboxes.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._paths.sandboxes} cannot be read: {error.strerror}") from error
        found: list[tuple[SafeName, SandboxFolder, Mapping[str, str]]] = []
        for entry in entries:
            folder = SandboxFolder(entry)
            with suppress(OSError, ValueError):
                owner = folder.owner()
                if owner is not None and owner.get("engine") == self.engine_id and owner.get("name") == entry.name:
                    found.append((safe_name(entry.name), folder, dict(owner.get("labels") or {})))
        return found

    def work(self, run: str, dropped: bool) -> Path:
        """The work folder of a run. The project's own state is closed to every other user, so theirs lies outside."""
        if not dropped:
            return self._paths.run_work(run)
        self._open_shared("work")
        return self.shared / "work" / safe_name(run)

    def private(self, name: SafeName, dropped: bool) -> Path:
        """The folder of a sandbox's HOME and TMPDIR."""
        if not dropped:
            return self.sandbox(name).path / "private"
        self._open_shared("sandboxes")
        return self.shared / "sandboxes" / safe_name(name)

    def is_shared(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.shared.resolve()) and path.resolve() != self.shared.resolve()

    def _open_shared(self, part: str) -> None:
        """Folders that let a sandbox's user through but not look around; refused when somebody else made them."""
        for folder in (self.shared, self.shared / part):
            folder.mkdir(mode=0o711, exist_ok=True)
            status = folder.lstat()
            if status.st_uid != os.geteuid() or folder.is_symlink():
                raise NameTaken(f"{folder} belongs to somebody else", hint="remove it, then start again")
            folder.chmod(0o711)

    def tidy(self) -> None:
        """Remove the shared folders when nothing is in them."""
        for folder in (self.shared / "work", self.shared / "sandboxes", self.shared):
            with suppress(OSError):
                folder.rmdir()


def give_to(folder: Path, uid: int) -> None:
    """Give a tree to a user, links themselves and never what they point to (blocking)."""
    for _, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        os.fchown(at, uid, uid)
        for name in (*folders, *files):
            os.chown(name, uid, uid, dir_fd=at, follow_symlinks=False)
    folder.chmod(0o700)


def remove_tree(folder: Path) -> None:
    """Remove a tree a sandbox wrote, however deep or closed, following no link (blocking)."""
    if not folder.exists() and not folder.is_symlink():
        return
    for attempt in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        try:
            subprocess.run([*attempt, "--", str(folder)], capture_output=True, timeout=REMOVAL_LIMIT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StoreError(f"{folder} cannot be removed: {error}") from error
        if not folder.exists():
            return
    raise StoreError(f"{folder} cannot be removed")
