"""The process that tries a regular expression on lines of a log. Standard library only; see log_search."""

import re
import resource
import signal
import struct
import sys
import warnings

FRAME = struct.Struct(">I")  # bytes that follow
TIME = 2.0  # seconds of processor time for one batch; the kernel ends the process that needs more
MEMORY = 512 * 1024**2  # bytes of address space


def main() -> None:
    """The first frame is the pattern; each later one holds lines, and is answered by one byte for each of them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    pattern = _frame()
    if pattern is None:
        return
    find = re.compile(pattern.decode()).search
    while (data := _frame()) is not None:
        # No handler: the signal kills, within a search that never returns to Python too.
        signal.setitimer(signal.ITIMER_VIRTUAL, TIME)
        found = bytes(find(row.decode("utf-8", "replace")) is not None for row in data.split(b"\n"))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        sys.stdout.buffer.write(found)
        sys.stdout.buffer.flush()


def _frame() -> bytes | None:
    head = sys.stdin.buffer.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    return sys.stdin.buffer.read(FRAME.unpack(head)[0])
