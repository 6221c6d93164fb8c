"""What the processes of a sandbox use, from /proc."""

import os

from engine.errors import NotFound
from engine.ids import SafeName
from engine.sandbox import process_tree
from engine.sandbox.driver import Stats
from engine.sandbox.process_folders import SandboxFolder

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def stats_of(folder: SandboxFolder, name: SafeName) -> Stats:
    """The shim and everything below it, with the children they have waited for (blocking); NotFound when it has
    ended. A process that goes meanwhile is counted by whoever waits for it."""
    shim = folder.shim()
    if shim is None or not folder.supervised():
        raise NotFound(f"{name} does not run")
    ticks = pages = 0
    below = [process.pid for _, process in process_tree.descendants(shim["pid"])]
    for pid in (shim["pid"], *below):
        used = _used(pid)
        if used is not None:
            ticks, pages = ticks + used[0], pages + used[1]
    return Stats(ticks / TICKS, pages * PAGE)


def _used(pid: int) -> tuple[int, int] | None:
    """Ticks of CPU with those of children that were waited for, and resident pages; None when it is gone."""
    try:
        text = (process_tree.PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return sum(map(int, fields[11:15])), int(fields[21])
