"""A process sandbox standing still as a whole: stopped processes, and their going on (R52)."""

import signal
import time

from engine.sandbox import process_tree
from engine.sandbox.process_folders import SandboxFolder
from engine.sandbox.process_tree import Process

FREEZE_LIMIT = 5.0  # seconds
STOPPED = ("T", "t")


def freeze_all(folder: SandboxFolder) -> bool:
    """Stop every process until two looks find none that moves (blocking, bounded); whether none does or all ended.

    One look is not enough: a process may fork between being listed and being stopped.
    """
    deadline = time.monotonic() + FREEZE_LIMIT
    still = 0
    while folder.supervised() and time.monotonic() < deadline:
        found = commands(folder)
        moving = [process for process in found if process.state not in STOPPED]
        still = still + 1 if found and not moving else 0
        if still == 2:
            return True
        process_tree.send(moving, signal.SIGSTOP)
        time.sleep(0.005)
    return not folder.supervised()


def thaw_all(folder: SandboxFolder) -> None:
    """Let every stopped process go on (blocking)."""
    process_tree.send((process for process in commands(folder) if process.state in STOPPED), signal.SIGCONT)


def commands(folder: SandboxFolder) -> list[Process]:
    """The command and everything it started, orphans too; not the shim and what keeps the exit code below it."""
    shim = folder.shim()
    if shim is None:
        return []
    below = process_tree.descendants(shim["pid"])
    levels = [[process for depth, process in below if depth == level] for level in range(1, shim["above"] + 1)]
    # What keeps the exit code was there before whatever else came to stand on its level.
    kept = {min(level, key=lambda process: (process.started, process.pid)).pid for level in levels if level}
    return [process for _, process in below if process.pid not in kept]
