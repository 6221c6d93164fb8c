"""A command inside a container over the daemon's API: a raw connection, the docker program is not needed."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.errors import DaemonUnavailable, NotFound, OutcomeUnknown, PilothouseError
from engine.ids import SafeName
from engine.model import Stream
from engine.sandbox.demux import HEADER, SIZE
from engine.sandbox.docker_calls import CALL, DaemonCalls, unreachable
from engine.sandbox.docker_containers import Containers
from engine.sandbox.inside import CHUNK, Inside, Taker, Window

if TYPE_CHECKING:
    from docker import APIClient

ENDED = 10.0  # seconds the daemon may take to learn the exit code after the last byte
LOOK = 0.05  # seconds between two questions
END_OF_INPUT = b"\x04"  # what ends a shell that waits at its prompt


class DockerInside:
    """Implements Inside. The daemon does not end a command whose reader goes away: `close` ends its input."""

    def __init__(
        self, calls: DaemonCalls, execution: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        *, terminal: bool,
    ) -> None:  # fmt: skip
        self._calls = calls
        self._execution = execution
        self._reader = reader
        self._writer = writer
        self._terminal = terminal

    async def carry(self, take: Taker) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                if self._terminal:
                    data, stream = await self._reader.read(CHUNK), Stream.OUT
                    if not data:
                        return
                else:
                    head = await self._reader.readexactly(HEADER)
                    data = await self._reader.readexactly(SIZE.unpack_from(head, 4)[0])
                    stream = Stream.ERR if head[0] == 2 else Stream.OUT
                await take(stream, data)

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def resize(self, rows: int, columns: int) -> None:
        """Tried for a moment: the daemon knows no terminal before the command runs."""

        def work(client: "APIClient") -> None:
            client.exec_resize(self._execution, height=rows, width=columns)

        for _ in range(20):
            try:
                await self._calls.call("resize a terminal", work, changes=True)
                return
            except PilothouseError:
                await asyncio.sleep(LOOK)

    async def ended(self) -> int:
        """OutcomeUnknown when the connection broke and the command goes on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED):
                while True:
                    code = (await self._inspect())["ExitCode"]
                    if code is not None:
                        return int(code)
                    await asyncio.sleep(LOOK)
        raise OutcomeUnknown("the connection to the container daemon ended before the command did")

    async def close(self) -> None:
        with suppress(OSError):
            if self._terminal and not self._reader.at_eof():
                await self.send(END_OF_INPUT)
            self._writer.close()
            await self._writer.wait_closed()
        self._calls.close()

    async def _inspect(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._calls.call("inspect a command", lambda c: c.exec_inspect(self._execution))
        return found


async def open_in_container(
    host: str, engine_id: str, name: SafeName, argv: Sequence[str], window: Window | None
) -> Inside:
    """Run a command in this engine's container of that name, as the sandbox's user and in its work folder.

    Raises NotFound when it is gone, Conflict when it is not running, NameTaken, DaemonUnavailable.
    """
    calls = DaemonCalls(host)
    try:
        container = await Containers(calls, engine_id).require(name)
        kind = {"TERM": window.kind} if window is not None else {}

        def prepare(client: "APIClient") -> str:
            with_terminal = window is not None
            made = client.exec_create(container, list(argv), stdin=with_terminal, tty=with_terminal, environment=kind)
            return str(made["Id"])

        execution = await calls.call("prepare a command", prepare, changes=True)
        reader, writer = await _start(calls, execution, terminal=window is not None)
    except BaseException:
        calls.close()
        raise
    inside = DockerInside(calls, execution, reader, writer, terminal=window is not None)
    if window is not None:
        await inside.resize(window.rows, window.columns)
    return inside


async def _start(
    calls: DaemonCalls, execution: str, *, terminal: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The command's own connection, once the daemon has switched to it."""
    body = json.dumps({"Detach": False, "Tty": terminal})
    lines = (
        f"POST /exec/{quote(execution, safe='')}/start HTTP/1.1", "Host: docker", "Content-Type: application/json",
        f"Content-Length: {len(body)}", "Connection: Upgrade", "Upgrade: tcp", "", body,
    )  # fmt: skip
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(CALL):
            reader, writer = await asyncio.open_unix_connection(calls.path)
            writer.write("\r\n".join(lines).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            status = head.split(b" ", 2)[1].decode("latin-1")
            if status in ("101", "200"):
                return reader, writer
            said = (await reader.read(CHUNK)).decode(errors="replace").strip()[:500]
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        if writer is not None:
            writer.close()
        raise unreachable(calls.host, error) from error
    writer.close()
    if status == "404":
        raise NotFound("the container is gone")
    raise DaemonUnavailable(f"the container daemon answered {status} to a command: {said}")
