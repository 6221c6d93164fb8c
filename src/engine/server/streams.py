"""Server-sent events: frames, and a response that neither outlives its reader nor holds the engine up."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar, assert_never

from fastapi import Response
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from engine.api import Lagged, LogLine, Snapshot, Update
from engine.errors import PilothouseError
from engine.events import Event
from engine.server.problems import encode, problem_of

KEEP_ALIVE = 15.0  # seconds of silence before a comment is sent
HIGH_WATER = 64 * 1024  # bytes waiting for one reader before its source has to wait, too
FAREWELL = 0.3  # seconds a reader has for the end of its stream

T = TypeVar("T")


class EventStream(Response):
    """Sends frames as they come, a comment into long silences, and ends with its source, its reader or the server."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncIterator[bytes], closing: asyncio.Event) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._frames = frames
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        buffer = _FrameBuffer()
        async with asyncio.TaskGroup() as group:
            filler = group.create_task(_fill(self._frames, buffer))
            ends = {
                group.create_task(_send(buffer, send)),
                group.create_task(_gone(receive)),
                group.create_task(_set(self._closing)),
            }
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in (filler, *ends):
                task.cancel()
        with suppress(TimeoutError):  # a reader that does not read is not waited for
            async with asyncio.timeout(FAREWELL):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


class _FrameBuffer:
    """Frames on their way to one reader, joined while it is busy; who fills it waits above HIGH_WATER."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False

    async def put(self, frame: bytes) -> None:
        self._data += frame
        self._news.set()
        if len(self._data) > HIGH_WATER:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def take(self) -> bytes:
        """All there is; a comment when nothing came for KEEP_ALIVE seconds; no byte once it is closed and empty."""
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                await self._news.wait()
        except TimeoutError:
            return b": keep-alive\n\n"
        data = bytes(self._data)
        self._data.clear()
        if not self._closed:
            self._news.clear()
        self._room.set()
        return data


async def _fill(frames: AsyncIterator[bytes], buffer: _FrameBuffer) -> None:
    async with closed(frames):
        async for frame in frames:
            await buffer.put(frame)
    buffer.close()


async def _send(buffer: _FrameBuffer, send: Send) -> None:
    while chunk := await buffer.take():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _set(event: asyncio.Event) -> None:
    await event.wait()


@asynccontextmanager
async def closed(items: AsyncIterator[T]) -> AsyncIterator[None]:
    """Close the iterator at the end of the block, also when its reader was cancelled half-way."""
    try:
        yield
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def update_frames(updates: AsyncIterator[Update]) -> AsyncIterator[bytes]:
    """`snapshot` and `event` carry their seq as id, so that a reader resumes behind the last one it saw."""
    async with closed(updates):
        try:
            async for update in updates:
                match update:
                    case Event():
                        yield frame("event", update, update.seq)
                    case Snapshot():
                        yield frame("snapshot", update, update.seq)
                    case Lagged():
                        yield frame("lagged", update)
                    case _:
                        assert_never(update)
        except PilothouseError as error:
            yield problem_frame(error)


async def line_frames(lines: AsyncIterator[LogLine]) -> AsyncIterator[bytes]:
    """`line` carries its number as id; `end` says that the run has ended and no more will come."""
    async with closed(lines):
        try:
            async for line in lines:
                yield frame("line", line, line.n)
            yield b"event: end\ndata: {}\n\n"
        except PilothouseError as error:
            yield problem_frame(error)


def frame(name: str, model: BaseModel, number: int | None = None) -> bytes:
    """One event; JSON holds no raw line end, so its data is one line."""
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {model.model_dump_json()}\n\n".encode()


def problem_frame(error: PilothouseError) -> bytes:
    """An error behind the headers of an answer: the same document as an event."""
    return f"event: problem\ndata: {encode(problem_of(error))}\n\n".encode()
