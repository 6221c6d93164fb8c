"""A local HTTP server that takes messages as ntfy does, and the ways such a service can fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: str


class NtfyServer:
    """`mode` is how it answers: `well`, `500`, `401`, `retry`, `hang`."""

    def __init__(self) -> None:
        self.mode = "well"
        self.messages: list[Message] = []
        self.tried = 0
        self.news = asyncio.Condition()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/topic"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["NtfyServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def got(self, number: int) -> list[Message]:
        """Once so many messages have arrived."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.messages) >= number)
        return self.messages

    async def tried_at_least(self, number: int) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: self.tried >= number)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                lines = head.rstrip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
                writer.write(await self._answer(Message(lines[0].split()[1], headers, body)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, message: Message) -> bytes:
        mode = self.mode
        async with self.news:
            self.tried += 1
            if mode == "well":
                self.messages.append(message)
            self.news.notify_all()
        if mode == "hang":
            await asyncio.Event().wait()
        line = {"well": "200 OK", "500": "500 Oh", "401": "401 No", "retry": "429 Slow\r\nRetry-After: 7"}[mode]
        return f"HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
