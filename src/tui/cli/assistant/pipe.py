"""Stdio as the protocol's two streams: a line is a message. Nothing else reaches stdout, and no wait holds an end.

The library's own transport reads in a thread that neither SIGTERM nor Ctrl-C ends; this one reads on the loop.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

LONGEST = 4 * 1024**2  # bytes of one message
LAST_WORDS = 1.5  # seconds for what is not answered yet when stdin closes
IN, OUT, ERR = 0, 1, 2
PARSE_ERROR = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this is no message of JSON-RPC 2.0"}}\n'

Received = SessionMessage | Exception
Put = Callable[[bytes], Awaitable[None]]


class Unanswered:
    """The requests that were taken and not answered yet, so that the last ones get their answer after stdin closed."""

    def __init__(self) -> None:
        self._open: set[types.RequestId] = set()
        self._none = asyncio.Event()
        self._none.set()

    def taken(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message.root, types.JSONRPCRequest):
            self._open.add(message.root.id)
            self._none.clear()

    def told(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message.root, types.JSONRPCResponse | types.JSONRPCError):
            self._open.discard(message.root.id)
            if not self._open:
                self._none.set()

    async def none(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._none.wait()


class Outlet(asyncio.BaseProtocol):
    """The end of a pipe: whether it takes more."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()
        self._ready.set()

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._ready.set()  # nobody reads any more: what is written is thrown away

    async def room(self) -> None:
        await self._ready.wait()


@asynccontextmanager
async def stdio() -> AsyncIterator[tuple[MemoryObjectReceiveStream[Received], MemoryObjectSendStream[SessionMessage]]]:
    """The streams of a session on stdin and stdout. What anything else prints meanwhile goes to stderr."""
    to_session, received = anyio.create_memory_object_stream[Received](0)
    sent, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    unanswered, private = Unanswered(), os.dup(OUT)
    os.dup2(ERR, OUT)
    try:
        async with _lines() as lines, _outlet(private) as put, to_session, from_session, asyncio.TaskGroup() as group:
            reading = group.create_task(_read(lines, to_session, put, unanswered), name="mcp in")
            writing = group.create_task(_write(from_session, put, unanswered), name="mcp out")
            yield received, sent
            reading.cancel()
            writing.cancel()
    finally:
        os.dup2(private, OUT)
        os.close(private)


async def _read(
    lines: asyncio.StreamReader, to_session: MemoryObjectSendStream[Received], put: Put, unanswered: Unanswered
) -> None:
    async with to_session:
        while True:
            try:
                line = await lines.readline()
            except ValueError:  # longer than LONGEST
                await put(PARSE_ERROR)
                continue
            if not line:
                return await unanswered.none()
            message = _message(line)
            if message is not None:
                unanswered.taken(message)
                await to_session.send(SessionMessage(message))
            elif line.strip():
                await put(PARSE_ERROR)


def _message(line: bytes) -> types.JSONRPCMessage | None:
    try:
        return types.JSONRPCMessage.model_validate_json(line)
    except ValidationError:
        return None


async def _write(from_session: MemoryObjectReceiveStream[SessionMessage], put: Put, unanswered: Unanswered) -> None:
    async for sent in from_session:
        await put(sent.message.model_dump_json(by_alias=True, exclude_none=True).encode("utf-8") + b"\n")
        unanswered.told(sent.message)


def _streams(descriptor: int) -> bool:
    """Whether a loop can wait for it: a pipe, a socket or a terminal; a plain file is always ready."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


@asynccontextmanager
async def _lines() -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader(limit=LONGEST)
    if not _streams(IN):
        with os.fdopen(os.dup(IN), "rb") as file:
            reader.feed_data(await asyncio.to_thread(file.read, LONGEST))
        reader.feed_eof()
        yield reader
        return
    blocking = os.get_blocking(IN)
    pipe = os.fdopen(os.dup(IN), "rb", buffering=0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        yield reader
    finally:
        transport.close()
        os.set_blocking(IN, blocking)


@asynccontextmanager
async def _outlet(descriptor: int) -> AsyncIterator[Put]:
    if not _streams(descriptor):

        async def put_whole(line: bytes) -> None:
            os.write(descriptor, line)

        yield put_whole
        return
    blocking = os.get_blocking(descriptor)
    pipe = os.fdopen(os.dup(descriptor), "wb", buffering=0)
    transport, outlet = await asyncio.get_running_loop().connect_write_pipe(Outlet, pipe)

    async def put(line: bytes) -> None:
        transport.write(line)
        await outlet.room()

    try:
        yield put
    finally:
        transport.close()
        os.set_blocking(descriptor, blocking)
