"""Where an engine is: a Unix socket, or a host and port that want a token."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from engine.errors import EngineUnavailable, Invalid

LONGEST = 100  # bytes; the address of a Unix socket has room for 108
START = "start one with `pilothouse --no-ui`, or look whether it has ended: `pilothouse status`"
REACH = "is it running there with --listen, and does its machine let you through?"


@dataclass
class Line:
    """A way to an engine. `place` is what it is called in messages, `hint` what to do when nobody answers there."""

    place: str
    base: str
    hint: str
    transport: httpx.AsyncHTTPTransport
    headers: dict[str, str]
    folder: int = -1

    def close(self) -> None:
        """Let go of the folder of a Unix socket; the transport is its client's."""
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1


def line_to(url: str, token: str | None = None) -> Line:
    """The way to `unix:PATH`, or to `http://HOST:PORT` with a token. Raises Invalid for any other address or for a
    token that is none, EngineUnavailable when the folder of the socket is not there."""
    scheme, colon, rest = url.partition(":")
    if colon and rest:
        if scheme == "unix":
            return _unix(Path(rest))
        if scheme in ("http", "https"):
            return _tcp(url, token)
    raise _no_address(url)


def _unix(socket: Path) -> Line:
    """The folder stays open so that a long path can be reached through it on every new connection."""
    try:
        folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EngineUnavailable(f"no engine at {socket}: {error.strerror}", hint=START) from error
    long = len(os.fsencode(socket)) > LONGEST
    address = f"/proc/self/fd/{folder}/{socket.name}" if long else str(socket)
    transport = httpx.AsyncHTTPTransport(uds=address, limits=_limits())
    return Line(str(socket), "http://localhost", START, transport, {}, folder)


def _tcp(url: str, token: str | None) -> Line:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _no_address(url) from error
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise _no_address(url)
    if parts.username is not None or parts.password is not None:
        raise Invalid("a token does not belong into an address", hint="use --token-file FILE or PILOTHOUSE_TOKEN")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    base = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    transport = httpx.AsyncHTTPTransport(limits=_limits(), trust_env=False)
    return Line(base, base, REACH, transport, _proof(token))


def _proof(token: str | None) -> dict[str, str]:
    if not token:
        return {}
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid("this is no token", hint="one word of printable ASCII; the file may hold nothing else")
    return {"authorization": f"Bearer {token}"}


def _limits() -> httpx.Limits:
    """A bounded pool loses connections when a request is cancelled; an unbounded one does not."""
    return httpx.Limits(max_connections=None, max_keepalive_connections=10, keepalive_expiry=5.0)


def _no_address(url: str) -> Invalid:
    return Invalid(f"{url!r} is no address of an engine", hint="write unix:PATH or http://HOST:PORT")
