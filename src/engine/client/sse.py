"""Server-sent events from the bytes of a response."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event: its name and its data as one JSON document."""

    name: str
    data: bytes


async def server_events(chunks: AsyncIterable[bytes]) -> AsyncIterator[ServerEvent]:
    """Complete events only: what a broken stream began is dropped, and comments are skipped.

    Lines are split at line feeds on purpose: text may hold U+2028 and its like, which `splitlines` would cut.
    """
    name, data = "message", b""
    async for line in _lines(chunks):
        if not line:
            if data:
                yield ServerEvent(name, data)
            name, data = "message", b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("ascii", "replace")
        elif field == b"data":
            data = data + b"\n" + value if data else value


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    parts: list[bytes] = []  # of a line that has not ended: a large one comes in many chunks
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            parts.append(line)
            yield b"".join(parts).removesuffix(b"\r")
            parts.clear()
        parts.append(rest)
