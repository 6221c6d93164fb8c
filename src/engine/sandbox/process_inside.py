"""A command inside a process sandbox, on a terminal of its own or on pipes."""

import asyncio
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress

from engine.errors import Conflict, Invalid, NotFound
from engine.ids import SafeName
from engine.model import Stream
from engine.paths import ProjectPaths
from engine.sandbox.inside import CHUNK, Inside, Taker, Window
from engine.sandbox.process_confinement import stdlib_python
from engine.sandbox.process_folders import Folders
from engine.supervisor import begin


async def open_in_process(
    paths: ProjectPaths, engine_id: str, name: SafeName, argv: Sequence[str], window: Window | None
) -> Inside:
    """Run a command in this engine's process sandbox of that name, as its user, in its namespaces and work folder.

    Raises NotFound when it is gone, Conflict when it has ended, NameTaken, Invalid for a command that cannot be.
    """
    if not argv or any("\0" in word for word in argv):
        raise Invalid("the command is empty or holds a NUL byte")
    folder = await asyncio.to_thread(Folders(engine_id, paths).ours, name)
    if folder is None:
        raise NotFound(f"there is no process sandbox {name}")
    if not await asyncio.to_thread(folder.supervised):
        raise Conflict(f"the process sandbox {name} has ended")
    enter = stdlib_python("from engine.sandbox.process_enter import main; main()", str(folder.path), *argv)
    if window is None:
        start = asyncio.create_subprocess_exec(
            *enter, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True, env={}, cwd="/",
        )  # fmt: skip
        return PipedInside(await begin(start, _end))
    outer, inner = os.openpty()
    try:
        _set_size(outer, window.rows, window.columns)
        start = asyncio.create_subprocess_exec(
            *enter, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env={"TERM": window.kind}, cwd="/"
        )
        process = await begin(start, _end)
    except BaseException:
        os.close(outer)
        raise
    finally:
        os.close(inner)
    os.set_blocking(outer, False)
    return TerminalInside(process, outer)


class PipedInside:
    """Implements Inside on pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def carry(self, take: Taker) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None

        async def read(stream: Stream, source: asyncio.StreamReader) -> None:
            while data := await source.read(CHUNK):
                await take(stream, data)

        async with asyncio.TaskGroup() as readers:
            readers.create_task(read(Stream.OUT, self._process.stdout))
            readers.create_task(read(Stream.ERR, self._process.stderr))

    async def send(self, data: bytes) -> None:
        raise Invalid("a command without a terminal takes no input")

    async def resize(self, rows: int, columns: int) -> None:
        raise Invalid("a command without a terminal has no size")

    async def ended(self) -> int:
        return await _code(self._process)

    async def close(self) -> None:
        await _end(self._process)


class TerminalInside:
    """Implements Inside on a terminal: `outer` is our end of it, not blocking. Closing it hangs up on the command."""

    def __init__(self, process: asyncio.subprocess.Process, outer: int) -> None:
        self._process = process
        self._outer = outer

    async def carry(self, take: Taker) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await _ready(loop.add_reader, loop.remove_reader, self._outer)
            try:
                data = os.read(self._outer, CHUNK)
            except BlockingIOError:
                continue
            except OSError:  # EIO: nobody has the other end any more
                return
            if not data:
                return
            await take(Stream.OUT, data)

    async def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        while data:
            await _ready(loop.add_writer, loop.remove_writer, self._outer)
            try:
                data = data[os.write(self._outer, data) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    async def resize(self, rows: int, columns: int) -> None:
        with suppress(OSError):
            _set_size(self._outer, rows, columns)

    async def ended(self) -> int:
        return await _code(self._process)

    async def close(self) -> None:
        os.close(self._outer)
        await _end(self._process)


async def _ready(
    add: Callable[[int, Callable[[], object]], object], remove: Callable[[int], object], descriptor: int
) -> None:
    """Return when the descriptor can be read, or written."""
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)


def _set_size(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


async def _code(process: asyncio.subprocess.Process) -> int:
    code = await process.wait()
    return 128 - code if code < 0 else code


async def _end(process: asyncio.subprocess.Process) -> None:
    """What still runs dies with the process that entered the sandbox for it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
