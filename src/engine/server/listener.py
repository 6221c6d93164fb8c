"""`serve`: the control API for as long as a context lasts."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.api.repeats import Served
from engine.errors import Unavailable
from engine.server.sockets import private_socket
from engine.server.tcp import Listen, TcpDoor, open_listener
from engine.supervisor import Consequence, Crew

if TYPE_CHECKING:
    from engine.server.control import Doors


@asynccontextmanager
async def serve(engine: Served, socket: Path, door: TcpDoor | None = None) -> AsyncIterator[Listen | None]:
    """Serve the control API on the Unix socket, and on TCP behind `door`, while the context lasts; it answers from the
    first line of the body. Yields where it listens on TCP.

    Leaving it ends open streams and takes less than two seconds. A server that dies cancels the body, which then
    raises Unavailable. Raises EngineRunning, Conflict or Invalid, as `private_socket` does and for an address or a
    token file that cannot be used, before anything starts.
    """
    body = asyncio.current_task()
    assert body is not None
    deaths: list[BaseException] = []

    def died(_name: str, error: BaseException) -> None:
        deaths.append(error)
        body.cancel()

    crew = Crew(died)
    with private_socket(socket) as listener, _strangers(door) as outside:
        try:
            # FastAPI takes a third of a second to load: beside the loop, not on it.
            doors = await asyncio.to_thread(_assemble, engine, door)
            crew.start("control-api", doors.own.serve([listener]), on_crash=Consequence.STOP_ENGINE)
            if doors.strangers is not None and outside is not None:
                crew.start("control-api-tcp", doors.strangers.serve([outside]), on_crash=Consequence.STOP_ENGINE)
            try:
                for server in doors.every:
                    await server.ready.wait()
                yield None if door is None or outside is None else Listen(door.listen.host, outside.getsockname()[1])
            finally:
                await doors.finish(crew)
        except asyncio.CancelledError:
            if not deaths or body.uncancel() > 0:
                raise
            message = f"the control API on {socket} died: {deaths[0]}"
            raise Unavailable(message, hint="the engine's log has the details; start it again") from deaths[0]


@contextmanager
def _strangers(door: TcpDoor | None) -> "Iterator[sockets.socket | None]":
    """The listening socket of the TCP door, when there is one."""
    if door is None:
        yield None
        return
    listener = open_listener(door.listen)
    try:
        yield listener
    finally:
        listener.close()


def _assemble(engine: Served, door: TcpDoor | None) -> "Doors":
    from engine.server.control import assemble

    return assemble(engine, door)
