"""Processes by exact identity, and the tree below one of them, from /proc. Standard library only: the shim uses it."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
MARK = "PILOTHOUSE_SANDBOX"
"""The variable every process of a sandbox starts with: finds what is left when its shim was killed."""


@dataclass(frozen=True)
class Process:
    """One row of the process table. `started` in clock ticks since boot: with the pid it names one process exactly."""

    pid: int
    parent: int
    state: str
    started: int

    @property
    def ended(self) -> bool:
        return self.state in ("Z", "X")

    @property
    def identity(self) -> str:
        """Unlike any other process's on this machine, after a reboot too."""
        return f"{_boot()}:{self.pid}:{self.started}"


@cache
def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def read(pid: int) -> Process | None:
    """The process with this pid; None when there is none."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), fields[0], int(fields[19]))


def alive(pid: int, identity: str) -> bool:
    """Whether this very process runs; a reused pid, a zombie or an earlier boot's process does not."""
    found = read(pid)
    return found is not None and not found.ended and found.identity == identity


def table() -> Iterator[Process]:
    for entry in PROC.iterdir():
        found = read(int(entry.name)) if entry.name.isdecimal() else None
        if found is not None:
            yield found


def descendants(root: int) -> list[tuple[int, Process]]:
    """Everything below a process with its depth: 1 for children. Zombies are left out, what is below them is not."""
    children: dict[int, list[Process]] = {}
    for process in table():
        children.setdefault(process.parent, []).append(process)
    found: list[tuple[int, Process]] = []
    level, depth = children.get(root, []), 1
    while level:
        found += [(depth, process) for process in level if not process.ended]
        level = [child for process in level for child in children.get(process.pid, [])]
        depth += 1
    return found


def marked(name: str, uid: int) -> list[Process]:
    """Processes of a user that were started for the sandbox of this name, wherever they hang in the tree."""
    wanted = f"{MARK}={name}".encode()
    return [process for process in table() if not process.ended and _has(process.pid, uid, wanted)]


def _has(pid: int, uid: int, variable: bytes) -> bool:
    try:
        if (PROC / str(pid)).stat().st_uid != uid or pid == os.getpid():
            return False
        return variable in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def send(processes: Iterable[Process], number: signal.Signals) -> int:
    """Signal these very processes, none that took over a pid; how many there still were."""
    sent = 0
    for process in processes:
        with suppress(OSError):
            handle = os.pidfd_open(process.pid)
            try:
                now = read(process.pid)
                if now is not None and now.identity == process.identity:
                    signal.pidfd_send_signal(handle, number)
                    sent += 1
            finally:
                os.close(handle)
    return sent
