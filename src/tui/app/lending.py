"""The operator's terminal, lent to a program of ours while the app stands aside."""

import asyncio
import os
import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual.app import App

from engine.errors import Invalid
from tui.program import own_command

KEPT = 4096  # bytes of what it said


async def lend_terminal(app: App[Any], words: Sequence[str]) -> tuple[int, str]:
    """Run `pilothouse WORDS…` on the terminal; its exit code and the end of what it said on stderr.

    The engine goes on meanwhile. Nothing is painted until the terminal is back: a driver that was put aside keeps what
    is written to it, and stops the app when that is too much.
    """
    with app.batch_update(), app.suspend(), _interrupts_are_not_ours():
        process = await asyncio.create_subprocess_exec(
            *own_command(*words), env=dict(os.environ), stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
    return process.returncode or 0, said.decode(errors="replace")[-KEPT:].strip()


async def lend_editor(app: App[Any], text: str) -> str:
    """The text as `$VISUAL`, `$EDITOR` or vi left it; Invalid when there is no such program, or it failed."""
    with TemporaryDirectory(prefix="pilothouse-") as folder:
        file = Path(folder, "task.toml")
        await asyncio.to_thread(file.write_text, text, encoding="utf-8")
        named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        with app.batch_update(), app.suspend(), _interrupts_are_not_ours():
            code = await _edited(named, file)
        if code:
            raise Invalid(f"the editor ended with {code}: nothing is changed")
        try:
            return await asyncio.to_thread(file.read_text, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid("what the editor left cannot be read: nothing is changed") from error


async def _edited(named: str, file: Path) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(named), str(file))
    except (OSError, ValueError) as error:
        raise Invalid(f"{named[:80]!r} cannot be started", hint="set EDITOR to an editor") from error
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@contextmanager
def _interrupts_are_not_ours() -> Iterator[None]:
    """Ctrl-C before the program has taken the keys, or after it gave them back, ends neither of the two."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
