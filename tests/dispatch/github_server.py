"""A local HTTP server with the REST shapes of GitHub, and every way a service can fail."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any


class GitHubServer:
    """`mode` is how it answers: well, `hang`, `500`, `garbage`, `rate`, `retry`, `404`.
    `calls` counts requests by path, `unchanged` those answered with 304."""

    def __init__(self) -> None:
        self.mode = "well"
        self.head = "a" * 40
        self.runs: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self.unchanged = 0
        self.tokens: set[str | None] = set()
        self.asked = asyncio.Condition()
        self.hold: asyncio.Event | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["GitHubServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.mode = "well"

    async def asked_again(self, times: int = 1) -> None:
        """Return after so many more requests."""
        async with asyncio.timeout(20), self.asked:
            wanted = self.calls.total() + times
            await self.asked.wait_for(lambda: self.calls.total() >= wanted)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1].partition("?")[0]
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.tokens.add(headers.get("authorization"))
        async with self.asked:
            self.calls[path] += 1
            self.asked.notify_all()
        if self.hold is not None:
            await self.hold.wait()
        match self.mode:
            case "hang":
                await reader.read()  # until the other side has had enough
                raise ConnectionError
            case "500" | "404":
                status, body, more = f"{self.mode} No", b"{}", ""
            case "garbage":
                status, body, more = "200 OK", b"<html>no", ""
            case "rate":
                status, body, more = "403 No", b"{}", "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 99999999999\r\n"
            case "retry":
                status, body, more = "429 No", b"{}", "retry-after: 120\r\n"
            case _:
                body = json.dumps(self._said(path)).encode()
                etag = f'"{sha256(body).hexdigest()[:16]}"'
                status, more = "200 OK", f"etag: {etag}\r\n"
                if headers.get("if-none-match") == etag:
                    self.unchanged += 1
                    status, body = "304 Not Modified", b""
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body)
        await writer.drain()

    def _said(self, path: str) -> object:
        match path.split("/")[4:]:
            case ["pulls", _]:
                return {"number": 12, "head": {"sha": self.head}}
            case ["pulls", _, "reviews"]:
                return self.reviews
            case ["issues", _, "comments"]:
                return self.comments
            case ["commits", _, "check-runs"]:
                return {"total_count": len(self.runs), "check_runs": self.runs}
            case ["commits", _, "status"]:
                return {"state": "pending", "statuses": self.statuses}
            case _:
                return {"message": "Not Found"}
