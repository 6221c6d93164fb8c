"""The operator's terminal, lent to a command in a sandbox and given back as it was."""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.local.shell import Inside, Window

# What a program that was cut off may have left on: colours, a hidden cursor, keypad and cursor modes, mouse, paste.
PLAIN = b"\x1b[0m\x1b[?25h\x1b[?1l\x1b>\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l"
SECOND_ON, SECOND_OFF = b"\x1b[?1049h", b"\x1b[?1049l"  # the screen of full-screen programs
CHUNK = 65536


def window() -> "Window":
    """What a command has to know of this terminal."""
    from engine.local.shell import Window

    columns, rows = os.get_terminal_size(sys.stdin.fileno())  # COLUMNS and LINES do not change with the window
    return Window(os.environ.get("TERM") or "dumb", rows, columns)


async def lend(inside: "Inside") -> int:
    """Carry keys in and what is painted out until the command has ended; its exit code.

    However this ends, the terminal is what it was before. Cancelled by SIGTERM, and by SIGHUP when it is closed.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    sized = asyncio.Event()
    loop.add_signal_handler(signal.SIGWINCH, sized.set)
    loop.add_signal_handler(signal.SIGHUP, task.cancel)
    try:
        with _raw(sys.stdin.fileno()) as painted:

            async def paint(_: object, data: bytes) -> None:
                painted(data)
                await asyncio.to_thread(_write_all, sys.stdout.fileno(), data)

            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(_keys(inside)), group.create_task(_sizes(inside, sized))]
                await inside.carry(paint)
                for job in beside:
                    job.cancel()
        return await inside.ended()
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
        loop.remove_signal_handler(signal.SIGHUP)


@contextmanager
def _raw(terminal: int) -> Iterator[Callable[[bytes], None]]:
    """Every key goes through untouched; gives what is to be told of each piece of output."""
    before = termios.tcgetattr(terminal)
    seen, second = b"", False

    def painted(data: bytes) -> None:
        nonlocal seen, second
        text = seen + data
        on, off = text.rfind(SECOND_ON), text.rfind(SECOND_OFF)
        second = on > off if max(on, off) >= 0 else second
        seen = text[1 - len(SECOND_ON) :]

    try:
        tty.setraw(terminal, termios.TCSADRAIN)
        yield painted
    finally:
        with suppress(OSError, termios.error):  # the terminal was closed: there is nothing to give back
            _write_all(sys.stdout.fileno(), (SECOND_OFF if second else b"") + PLAIN)
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


async def _keys(inside: "Inside") -> None:
    """What is typed, until the terminal is closed."""
    loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
    while True:
        typed = asyncio.Event()
        loop.add_reader(terminal, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(terminal)
        try:
            data = os.read(terminal, CHUNK)  # it has something, so that this does not wait
        except OSError:
            return
        if not data:
            return
        await inside.send(data)


async def _sizes(inside: "Inside", sized: asyncio.Event) -> None:
    while True:
        await sized.wait()
        sized.clear()
        now = window()
        await inside.resize(now.rows, now.columns)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
