"""Run one more command inside a process sandbox. Standard library only: it starts in a bare interpreter."""

import ctypes
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from engine.sandbox import process_jail as jail
from engine.sandbox.process_records import LAUNCH, SHIM, read_record
from engine.sandbox.process_tree import descendants

NAMESPACES = ("ipc", "net", "pid", "mnt")  # the mounts last: /proc is another one afterwards


def main() -> None:
    """`FOLDER ARGV…`: become the command as the sandbox's user, in its namespaces where it has its own."""
    folder, argv = Path(sys.argv[1]), sys.argv[2:]
    launch = jail.Launch(**(read_record(folder / LAUNCH) or {}))
    shim = read_record(folder / SHIM) or {}
    if launch.isolate:
        _join(shim["pid"])
    command = os.fork()  # a PID namespace is entered by being born in it
    if command == 0:
        try:
            jail.become(replace(launch, argv=argv, env={**launch.env, **_terminal()}))
        except (OSError, ValueError) as error:
            os.write(2, f"cannot run {argv[0]!r}: {error}\n".encode())
        finally:
            os._exit(127)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    sys.exit(128 - code if code < 0 else code)


def _terminal() -> dict[str, str]:
    """What a command has to know of the terminal it was given."""
    return {"TERM": os.environ.get("TERM", "dumb")} if os.isatty(0) else {}


def _join(shim: int) -> None:
    keeper = next((process.pid for depth, process in descendants(shim) if depth == 1), None)
    if keeper is None:
        sys.exit("the sandbox has ended")
    libc = ctypes.CDLL(None, use_errno=True)
    files = [os.open(f"/proc/{keeper}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in NAMESPACES]
    for file in files:
        if libc.setns(file, 0) != 0:
            sys.exit(f"the sandbox cannot be entered: {os.strerror(ctypes.get_errno())}")
