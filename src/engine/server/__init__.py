"""The control API over the Engine protocol: FastAPI on a Unix socket that only its owner can open, and on TCP behind
tokens when that is asked for."""

from engine.server.hosts import HOSTS, bare
from engine.server.listener import serve
from engine.server.tcp import Listen, TcpDoor, known_hosts, open_listener, parse_listen
from engine.server.tokens import Role, TokenFile

__all__ = [
    "HOSTS",
    "Listen",
    "Role",
    "TcpDoor",
    "TokenFile",
    "bare",
    "known_hosts",
    "open_listener",
    "parse_listen",
    "serve",
]
