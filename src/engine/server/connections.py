"""Connections of the two doors: whose a local one is, and how long and how many strangers may keep one open."""

import asyncio
import socket
import struct
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIME = 10.0  # seconds the head of a request may take
MOST = 256  # connections over TCP
_PEER = struct.Struct("3i")  # pid, uid, gid


class OwnConnection(H11Protocol):
    """Over the Unix socket. Every request carries the uid of the process that sent it as its state `uid`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer: socket.socket = transport.get_extra_info("socket")
        _, uid, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        self.app_state = {**self.app_state, "uid": uid}


class StrangersConnection(H11Protocol):
    """Over TCP. One that does not get to the point is closed; when there are too many, the slowest goes first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MOST:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        else:
            self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(HEAD_TIME, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        """Close the connection that has waited longest for its first request, else this one."""
        silent = [one for one in self.connections if isinstance(one, StrangersConnection) and one.cycle is None]
        deadlines = {one: one._deadline.when() for one in silent if one._deadline is not None}
        slowest = min(deadlines, key=lambda one: deadlines[one], default=self)
        slowest._forget_deadline()
        slowest.connections.discard(slowest)  # at once: what is aborted is told in the next turn of the loop
        slowest.transport.abort()
