"""The end of a process sandbox: waiting for it, asking for it, making it."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.sandbox import process_tree
from engine.sandbox.process_folders import SandboxFolder

KILL_LIMIT = 15.0  # seconds; above what a shim takes at most to end its sandbox and empty the pipes
LOOK_AGAIN = 30.0  # seconds after which a wait looks for itself, whatever it was told
STARTING = 0.05


async def supervision_ended(folder: SandboxFolder) -> None:
    """Return when the sandbox's shim has ended; at once when it has none."""
    while folder.supervised():
        with shim_end(folder) as ended, suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK_AGAIN if folder.shim() else STARTING)
    shim = folder.shim()
    if shim is not None:
        _collect(shim["pid"])


@contextmanager
def shim_end(folder: SandboxFolder) -> Iterator[asyncio.Event]:
    """An event that is set when the sandbox's shim ends; not set while there is none yet."""
    ended, shim = asyncio.Event(), folder.shim()
    if shim is None:
        yield ended
        return
    try:
        handle = os.pidfd_open(shim["pid"])
    except OSError:
        ended.set()
        yield ended
        return
    try:
        if process_tree.alive(shim["pid"], shim["identity"]):  # looked at after the handle was taken: it is this one
            with _told_by(handle, ended):
                yield ended
        else:
            ended.set()
            yield ended
    finally:
        os.close(handle)


@contextmanager
def _told_by(handle: int, ended: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.remove_reader(handle)
        ended.set()

    loop.add_reader(handle, tell)
    try:
        yield
    finally:
        loop.remove_reader(handle)


def _collect(pid: int) -> None:
    """No zombie stays where orphans come to the engine (process 1 of a container)."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def send_term(folder: SandboxFolder) -> None:
    """Ask every process of the sandbox to end, sparing those that keep its exit code (blocking)."""
    shim = folder.shim()
    if shim is not None and folder.supervised():
        below = process_tree.descendants(shim["pid"])
        process_tree.send((process for depth, process in below if depth > shim["above"]), signal.SIGTERM)


def send_int(folder: SandboxFolder) -> bool:
    """INT to the command alone (blocking); False when it has ended."""
    shim = folder.shim()
    if shim is None or not folder.supervised():
        return False
    level = shim["above"] + 1
    found = [process for depth, process in process_tree.descendants(shim["pid"]) if depth == level]
    # Orphans may come to stand beside the command: it was there before them all.
    command = sorted(found, key=lambda process: (process.started, process.pid))[:1]
    return process_tree.send(command, signal.SIGINT) == 1


def end_all(folder: SandboxFolder, name: str, uid: int) -> bool:
    """Kill every process of the sandbox until none is left (blocking, bounded); whether none is."""
    deadline = time.monotonic() + KILL_LIMIT
    while folder.supervised() and time.monotonic() < deadline:
        shim = folder.shim()
        if shim is not None:
            process_tree.send((process for _, process in process_tree.descendants(shim["pid"])), signal.SIGKILL)
        _rest(folder)
    if folder.supervised():
        _kill_shim(folder)
    # What hung below a shim that was killed itself is found by its environment.
    while (left := process_tree.marked(name, uid)) and time.monotonic() < deadline:
        process_tree.send(left, signal.SIGKILL)
        time.sleep(0.01)
    return not left and not folder.supervised()


def _rest(folder: SandboxFolder) -> None:
    """Give the shim time to write its record before the next round."""
    until = time.monotonic() + 0.25
    while folder.supervised() and time.monotonic() < until:
        time.sleep(0.005)


def _kill_shim(folder: SandboxFolder) -> None:
    shim = folder.shim()
    found = process_tree.read(shim["pid"]) if shim is not None else None
    if shim is not None and found is not None and found.identity == shim["identity"]:
        process_tree.send([found], signal.SIGKILL)
