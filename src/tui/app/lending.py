"""The operator's terminal, lent to a program of ours while the app stands aside."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from textual.app import App

KEPT = 4096  # bytes of what it said


async def lend_terminal(app: App[Any], words: Sequence[str]) -> tuple[int, str]:
    """Run `pilothouse WORDS…` on the terminal; its exit code and the end of what it said on stderr.

    The engine goes on meanwhile. Nothing is painted until the terminal is back: a driver that was put aside keeps what
    is written to it, and stops the app when that is too much.
    """
    # -P: a project with a folder called engine or tui must not become our code
    argv = [sys.executable, "-P", "-m", "tui.cli.main", *words]
    with app.batch_update(), app.suspend(), _interrupts_are_not_ours():
        process = await asyncio.create_subprocess_exec(*argv, env=dict(os.environ), stderr=asyncio.subprocess.PIPE)
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
    return process.returncode or 0, said.decode(errors="replace")[-KEPT:].strip()


@contextmanager
def _interrupts_are_not_ours() -> Iterator[None]:
    """Ctrl-C before the program has taken the keys, or after it gave them back, ends neither of the two."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
