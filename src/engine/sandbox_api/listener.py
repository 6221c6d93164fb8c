"""The socket of one run: nobody but its sandbox's user can connect, and nothing but the sandbox API answers on it."""

import asyncio
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from engine.errors import Conflict
from engine.sandbox_api.wire import TOO_EARLY, Answered, Asked, Refused, Tunnel, problem, read_request, write_answer

log = logging.getLogger(__name__)

SOCKET = "engine.sock"
BACKLOG = 64
CONNECTIONS = 64  # at once; one more is told so and closed
LONGEST = 100  # bytes; the address of a Unix socket has room for 108
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Answer = Callable[[Asked], Awaitable[Answered | Tunnel]]


class Listener:
    """Serves one request per connection until it is closed. A request whose asker has gone is cancelled."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._folder = folder
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def open(self, uid: int, gid: int) -> None:
        """Listen in the folder, anew where a socket of an earlier engine lies. Raises OSError or Conflict."""
        making = asyncio.get_running_loop().run_in_executor(None, listening, self._folder, uid, gid)
        try:
            listener = await asyncio.shield(making)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener)
        except BaseException:
            making.add_done_callback(_let_go)  # its thread may still be at it
            raise

    async def close(self) -> None:
        """Take no more, end what is being served, remove the socket's file."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._server = None
        with suppress(OSError):
            await asyncio.to_thread(os.unlink, self._folder / SOCKET)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._exchange(reader, writer)
        except asyncio.CancelledError:
            log.debug("a connection of %s was ended", self._folder.name)
        except (OSError, TimeoutError) as error:
            log.debug("a connection of %s broke: %s", self._folder.name, error)
        finally:
            self._serving.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) > CONNECTIONS:
            await write_answer(writer, problem(Refused(429, f"more than {CONNECTIONS} connections at once")))
            return
        try:
            asked = await read_request(reader, writer)
        except Refused as refused:
            await write_answer(writer, problem(refused))
            return
        if asked is not None:
            await self._answered(asked, reader, writer)

    async def _answered(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer unless the asker goes: a wait for a human or a lease is left by closing the connection (R103)."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._answer_to(asked), name=f"{asked.method} {asked.path}")
            gone = group.create_task(_closed(reader, whole=asked.method != "CONNECT"), name="asker")
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            (gone if work.done() else work).cancel()
        if not gone.cancelled() and gone.result():
            await write_answer(writer, problem(Refused(400, TOO_EARLY)))
        elif not work.cancelled():
            await _give(work.result(), reader, writer)

    async def _answer_to(self, asked: Asked) -> Answered | Tunnel:
        return await self._answer(asked)


async def _give(answer: Answered | Tunnel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if isinstance(answer, Answered):
        await write_answer(writer, answer)
    else:
        await answer.carry(reader, writer)


async def _closed(reader: asyncio.StreamReader, *, whole: bool) -> bytes:
    """Return once the other side has closed. What it sends besides is thrown away, as its request is here whole;
    where it is not, the first of it is returned."""
    with suppress(ConnectionError):
        while found := await reader.read(4096):
            if not whole:
                return found
    return b""


def listening(folder: Path, uid: int, gid: int) -> socket.socket:
    """A listening socket of mode 0600 that belongs to the sandbox's user, whatever the umask (R116). Blocks."""
    here = os.open(folder, FOLDER)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _clear(here)
        path = folder / SOCKET
        long = len(os.fsencode(path)) > LONGEST
        os.fchmod(listener.fileno(), 0o600)  # Linux makes the file with this mode less the umask: never wider
        listener.bind(f"/proc/self/fd/{here}/{SOCKET}" if long else str(path))
        os.chmod(SOCKET, 0o600, dir_fd=here)
        if uid != os.geteuid():
            os.chown(SOCKET, uid, gid, dir_fd=here, follow_symlinks=False)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(here)
    return listener


def _clear(here: int) -> None:
    """Remove the socket of an engine that is gone: only one engine holds a project."""
    try:
        found = os.stat(SOCKET, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise Conflict(f"{SOCKET} in the folder of the run is no socket")
    os.unlink(SOCKET, dir_fd=here)


def _let_go(making: "asyncio.Future[socket.socket]") -> None:
    """Close a socket that nobody listens on."""
    if not making.cancelled() and making.exception() is None:
        making.result().close()
