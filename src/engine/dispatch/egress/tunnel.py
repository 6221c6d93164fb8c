"""One contact that was let through: a connection to a pinned address, and the bytes of both ways until both end."""

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager

from engine.model.destinations import Destination
from engine.sandbox_api.wire import Refused, problem, write_answer

log = logging.getLogger(__name__)

CONNECT_LIMIT = 15.0  # seconds until one of the addresses has answered
IDLE_LIMIT = 600.0  # seconds without a byte in either direction
BLOCK = 64 * 1024
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

Ended = Callable[[int, int], Awaitable[None]]


class Tunnel:
    """`place` is taken for as long as it is carried; `ended` is told the bytes out and in, however it ends."""

    def __init__(
        self, addresses: Sequence[str], to: Destination, place: Callable[[], AbstractContextManager[None]], ended: Ended
    ) -> None:
        self._addresses = addresses
        self._to = to
        self._place = place
        self._ended = ended
        self._up = self._down = 0

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Connect, say so, and pass on what comes until both sides have ended or neither says anything."""
        try:
            with self._place():
                outside = await self._connected()
                await self._through(reader, writer, *outside)
        except Refused as refused:
            await write_answer(writer, problem(refused))

    async def _connected(self) -> tuple[StreamReader, StreamWriter]:
        """The first address that answers. Never its name: that could stand for something else meanwhile."""
        failed: OSError | None = None
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                for address in self._addresses:
                    try:
                        return await asyncio.open_connection(address, self._to.port, limit=BLOCK)
                    except OSError as error:
                        failed = error
        except TimeoutError as error:
            raise Refused(504, f"{self._to} does not answer within {CONNECT_LIMIT:g} s") from error
        raise Refused(502, f"{self._to} cannot be reached: {failed}")

    async def _through(
        self, reader: StreamReader, writer: StreamWriter, far_reader: StreamReader, far_writer: StreamWriter
    ) -> None:
        whole = False
        try:
            writer.write(ESTABLISHED)
            async with asyncio.timeout(IDLE_LIMIT) as idle, asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, far_writer, idle, out=True), name=f"to {self._to}")
                group.create_task(self._pass(far_reader, writer, idle, out=False), name=f"from {self._to}")
            whole = True
        except* OSError as broken:  # a deadline among them
            log.debug("the contact with %s broke: %s", self._to, broken.exceptions[0])
        finally:
            far_writer.close() if whole else far_writer.transport.abort()
            await self._ended(self._up, self._down)

    async def _pass(self, reader: StreamReader, writer: StreamWriter, idle: asyncio.Timeout, *, out: bool) -> None:
        """One way, no faster than its receiver takes it; its end is passed on, the other way goes on."""
        loop = asyncio.get_running_loop()
        while block := await reader.read(BLOCK):
            if out:
                self._up += len(block)
            else:
                self._down += len(block)
            idle.reschedule(loop.time() + IDLE_LIMIT)
            writer.write(block)
            await writer.drain()
        writer.write_eof()
