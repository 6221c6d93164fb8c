"""The HTTP server: uvicorn without its signal handlers, access log and ticking, on a socket made by us."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from engine.api import Engine
from engine.server.app import make_app
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

    async def finish(self, crew: Crew) -> None:
        """End the server within its grace, then whatever connection or request would not."""
        self.closing.set()
        await crew.wait_idle(timeout=GRACE + 0.5)
        await crew.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=0.3)


def assemble(engine: Engine) -> ControlServer:
    """The server over this engine, ready to be given a socket. Loads FastAPI and builds every route."""
    closing = asyncio.Event()
    config = uvicorn.Config(
        make_app(engine, closing),
        http="h11",
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
