"""What a crash leaves of our own repositories: git processes that nobody waits for, and the locks of dead ones."""

from contextlib import suppress
from pathlib import Path

import psutil

GONE = 5.0  # seconds a killed process may take to go
BASES = "refs/pilothouse/bases"


def holds_work(git_dir: Path) -> bool:
    """Whether any run ever had a work tree of this repository."""
    if any((git_dir / BASES).glob("*")):
        return True
    packed = git_dir / "packed-refs"
    return packed.is_file() and BASES in packed.read_text(encoding="utf-8", errors="replace")


def end_orphans(place: Path) -> None:
    """End the git processes at work in any repository of this folder: nobody sees their end any more, and what they
    write would meet what is done again. Blocks until they are gone."""
    flag = f"--git-dir={place}/"
    found = [process for process in psutil.process_iter(["cmdline"]) if _names(process.info["cmdline"], flag)]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=GONE)


def _names(command: list[str] | None, flag: str) -> bool:
    return any(word.startswith(flag) for word in command or ())


def remove_stale_locks(git_dir: Path) -> list[Path]:
    """Remove the lock files of git processes that are gone; blocks on the disk."""
    found = [*git_dir.glob("*.lock"), *(git_dir / "refs").rglob("*.lock")]
    for lock in found:
        lock.unlink(missing_ok=True)
    return found
