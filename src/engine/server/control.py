"""The HTTP server: uvicorn without its signal handlers, access log and ticking, on a socket made by us."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.api.repeats import Served
from engine.server.app import make_app
from engine.server.bearer import Bearer, OwnersOnly
from engine.server.connections import OwnConnection, StrangersConnection
from engine.server.door import Door
from engine.server.limits import RateLimit
from engine.server.repeats import KeyedOrders
from engine.server.tcp import TcpDoor, known_hosts
from engine.server.tokens import Tokens
from engine.supervisor import Crew

GRACE = 1  # whole seconds an ordinary request may still take when the server ends
ACCEPTING = 5  # turns of the loop from an accepted connection to its protocol, and some
IDLE_CONNECTION = 60  # seconds; longer than a client keeps one, so that none is reused while it closes


class ControlServer(uvicorn.Server):
    """One control API. `ready` is set once it answers; setting `closing` ends it and every open stream."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self.closing = closing
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the command line."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.closing.wait()
        await self._stop_accepting()

    async def _stop_accepting(self) -> None:
        """Take no new connection, and let one that was just taken get its place among those to be ended."""
        for server in self.servers:
            for listener in server.sockets:
                asyncio.get_running_loop().remove_reader(listener)
        for _ in range(ACCEPTING):
            await asyncio.sleep(0)

    async def abort(self) -> None:
        """End whatever connection or request did not end in time."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=0.3)


@dataclass(frozen=True)
class Doors:
    """The servers of one engine over the same routes: the owner's, and the strangers' when there is one."""

    own: ControlServer
    strangers: ControlServer | None

    @property
    def every(self) -> list[ControlServer]:
        return [self.own] if self.strangers is None else [self.own, self.strangers]

    async def finish(self, crew: Crew) -> None:
        """End the servers within their grace, then whatever connection or request would not."""
        self.own.closing.set()  # all have the same
        await crew.wait_idle(timeout=GRACE + 0.5)
        await crew.close()
        for server in self.every:
            await server.abort()


def assemble(engine: Served, door: TcpDoor | None) -> Doors:
    """The servers over this engine, ready to be given their sockets. Loads FastAPI and builds every route.

    Raises Invalid when a token file cannot be used.
    """
    closing = asyncio.Event()
    routes = KeyedOrders(make_app(engine, closing), engine)
    own = _server(Door(OwnersOnly(routes)), closing, OwnConnection)
    if door is None:
        return Doors(own, None)
    bearer = Bearer(routes, Tokens(door.tokens, time.monotonic), RateLimit(time.monotonic))
    return Doors(own, _server(Door(bearer, known_hosts(door.listen)), closing, StrangersConnection))


def _server(app: ASGIApp, closing: asyncio.Event, connection: type[H11Protocol]) -> ControlServer:
    config = uvicorn.Config(
        app,
        http=connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=IDLE_CONNECTION,
        timeout_graceful_shutdown=GRACE,
    )
    config.load()
    return ControlServer(config, closing)
