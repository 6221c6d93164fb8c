"""The TCP door: where it listens, and who may come in."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import Invalid
from engine.server.tokens import TokenFile

BACKLOG = 128
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class Listen:
    """A host and a port; port 0 lets the system choose one."""

    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class TcpDoor:
    """Where to listen, and the files whose tokens open it: at least one."""

    listen: Listen
    tokens: Sequence[TokenFile]


def parse_listen(text: str) -> Listen:
    """`HOST:PORT`, `[V6]:PORT`, or `:PORT` for loopback; raises Invalid."""
    found = _ADDRESS.fullmatch(f"127.0.0.1{text}" if text.startswith(":") else text)
    if found is None or int(found["port"]) > 65_535:
        raise Invalid(f"{text!r} is no address to listen on", hint="HOST:PORT, such as 127.0.0.1:7421")
    return Listen(found["host"].strip("[]"), int(found["port"]))


def open_listener(listen: Listen) -> socket.socket:
    """A listening socket; raises Invalid when the address is not ours or taken."""
    try:
        [(family, kind, proto, _, address), *_] = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Invalid(f"cannot listen on {listen}: {error.strerror or error}") from error
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port whose last connections linger
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Invalid(f"cannot listen on {listen}: {error.strerror or error}", hint="choose another port") from error
    return listener


def known_hosts(listen: Listen) -> frozenset[str]:
    """What a `Host` header may call us besides the address a connection came in on: never what a page has rebound."""
    name = listen.host.lower()
    return frozenset({f"[{name}]" if ":" in name else name, socket.gethostname().lower()})
