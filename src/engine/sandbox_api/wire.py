"""One request over one connection: HTTP/1.1 through h11, with bounds on its size and its time."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from engine.errors import Invalid, PilothouseError

HEAD_LIMIT = 16 * 1024  # bytes of request line and headers
BODY_LIMIT = 1024**2  # bytes
READ_LIMIT = 10.0  # seconds a request may take to arrive, and an answer to be taken
BLOCK = 64 * 1024
PROBLEM = "application/problem+json"
CONNECT = b"CONNECT"
TOO_EARLY = "send nothing before the connection is said to be established"


class Refused(PilothouseError):
    """The sandbox API does not take this request at all."""

    code = "refused"

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request as it came; `bearer` is its token, empty without one."""

    method: str
    path: str
    query: Mapping[str, str]
    bearer: str
    body: bytes


@dataclass(frozen=True)
class Answered:
    """What goes back: a status and a JSON document."""

    status: int
    document: Mapping[str, object]

    def encoded(self) -> bytes:
        """ASCII JSON: whatever foreign text it quotes, it can be encoded."""
        return json.dumps(self.document, default=str).encode("ascii") + b"\n"


class Tunnel(Protocol):
    """A connection that is taken over: what comes on it is no request any more."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer it, and pass its bytes on until it ends."""
        ...


def problem(error: PilothouseError) -> Answered:
    """An error as an RFC 9457 document, in the shape that the control API has."""
    status = Invalid.status if isinstance(error, Invalid) else error.status  # one word for bad input
    document: dict[str, object] = {
        "type": f"urn:pilothouse:problem:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "details": error.details,
    }
    return Answered(status, document)


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
    """The request of this connection; None when it ended before there was one. Raises Refused, TimeoutError."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    head: h11.Request | None = None
    body = bytearray()
    async with asyncio.timeout(READ_LIMIT):
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                raise Refused(error.error_status_hint, f"this is no HTTP request: {error}") from error
            match event:
                case h11.NEED_DATA:
                    if connection.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                        writer.write(connection.send(go_on))
                    connection.receive_data(await reader.read(BLOCK))
                case h11.Request():
                    head = event
                    _require_small(_announced(head))
                case h11.Data():
                    body += event.data
                    _require_small(len(body))
                case h11.EndOfMessage() if head is not None:
                    if head.method == CONNECT and connection.trailing_data[0]:
                        raise Refused(400, TOO_EARLY)
                    return _asked(head, bytes(body))
                case _:
                    return None


def _require_small(size: int) -> None:
    if size > BODY_LIMIT:
        raise Refused(413, f"the body is larger than {BODY_LIMIT:,} bytes")


def _announced(head: h11.Request) -> int:
    for name, value in head.headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _asked(head: h11.Request, body: bytes) -> Asked:
    bearer = ""
    for name, value in head.headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].decode("latin-1").strip()
    if head.method == CONNECT:  # its target is an authority, not a path
        return Asked("CONNECT", head.target.decode("latin-1"), {}, bearer, body)
    target = urlsplit(head.target.decode("latin-1"))
    query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=20))
    return Asked(head.method.decode("ascii"), unquote(target.path), query, bearer, body)


async def write_answer(writer: asyncio.StreamWriter, answer: Answered) -> None:
    """Send the answer; the connection is closed after it."""
    content = answer.encoded()
    kind = "application/json" if answer.status < 400 else PROBLEM
    head = (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode("ascii") + content)
    async with asyncio.timeout(READ_LIMIT):
        await writer.drain()
