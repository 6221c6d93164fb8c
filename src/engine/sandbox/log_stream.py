"""A container's log as the daemon sends it, over a Unix socket of its own (docs/design/0002-log-stream.md).

HTTP/1.0, so that the daemon sends its frames as they are and not each within an HTTP chunk; what comes after the head
of the answer is frames until the connection ends. Such an end says nothing about why: the reader asks the daemon.
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import quote

from engine.errors import DaemonUnavailable, NotFound
from engine.sandbox.docker_calls import CALL, unreachable
from engine.sandbox.log_lines import NANO

HIGH = 512 * 1024  # bytes held for a reader that is busy; beyond them the socket is not read
HEAD_LIMIT = 64 * 1024
HEAD_END = b"\r\n\r\n"
QUIET = 10.0  # seconds without a byte after which a reader should look at the container


@dataclass(frozen=True)
class LogRequest:
    """Which part of a log: from a time in nanoseconds on, or its last `tail` frames; on to its end or only what is."""

    follow: bool
    since: int = 0
    tail: int | None = None

    def target(self, container: str) -> str:
        query = f"follow={self.follow:d}&stdout=1&stderr=1&timestamps=1"
        which = f"since={self.since // NANO}.{self.since % NANO:09d}" if self.tail is None else f"tail={self.tail}"
        return f"/containers/{quote(container, safe='')}/logs?{query}&{which}"


class LogStream(asyncio.Protocol):
    """The bytes of one log that is being followed, for one reader. `ended`: no more will come."""

    def __init__(self) -> None:
        self.ended = False
        self._parts: list[bytes] = []
        self._held = 0
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        self._received += 1
        if self._held > HIGH and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._wake()

    async def read(self) -> bytes:
        """What has come; empty when the connection has ended, however it did, or when it was QUIET seconds silent."""
        if not self._parts and not self.ended:
            loop = asyncio.get_running_loop()
            if self._watch is None:  # one timer for many reads: arming one for each costs more than the reads do
                self._watch = loop.call_later(QUIET, self._look, self._received)
            self._waiter = loop.create_future()
            await self._waiter
        data = b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def head(self) -> bytes:
        """The head of the answer; what follows it is left for `read`."""
        found = b""
        while HEAD_END not in found:
            data = await self.read()
            if not data or len(found) > HEAD_LIMIT:
                raise ConnectionResetError("the daemon ended the connection before it answered")
            found += data
        head, _, rest = found.partition(HEAD_END)
        if rest:
            self._parts.insert(0, rest)
        return head

    def abort(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _look(self, received: int) -> None:
        self._watch = None
        if received == self._received:
            self._wake()
        else:
            self._watch = asyncio.get_running_loop().call_later(QUIET, self._look, self._received)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def open_log(host: str, path: str, container: str, request: LogRequest) -> LogStream:
    """A log as it is asked for, to be aborted by whoever reads it; NotFound when the container is gone."""
    stream, status = await _get(host, path, request.target(container))
    if status == "200":
        return stream
    stream.abort()
    if status == "404":
        raise NotFound(f"container {container} is gone")
    raise DaemonUnavailable(f"the container daemon answered {status} to a request for a log")


async def require_answer(host: str, path: str) -> None:
    """DaemonUnavailable unless the daemon answers."""
    stream, _ = await _get(host, path, "/_ping")
    stream.abort()


async def _get(host: str, path: str, target: str) -> tuple[LogStream, str]:
    """The body of an answer that has begun, and its status."""
    stream = LogStream()
    try:
        async with asyncio.timeout(CALL):
            transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: stream, path)
            transport.write(f"GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            head = await stream.head()
    except TimeoutError as error:
        stream.abort()
        raise DaemonUnavailable(f"the container daemon at {host} does not begin to answer") from error
    except OSError as error:
        stream.abort()
        raise unreachable(host, error) from error
    except BaseException:
        stream.abort()
        raise
    return stream, head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2][:3]
