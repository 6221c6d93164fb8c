"""`serve`: the control API for as long as a context lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.api import Engine
from engine.errors import Unavailable
from engine.server.sockets import private_socket
from engine.supervisor import Consequence, Crew

if TYPE_CHECKING:
    from engine.server.control import ControlServer


@asynccontextmanager
async def serve(engine: Engine, socket: Path) -> AsyncIterator[None]:
    """Serve the control API on the Unix socket while the context lasts; it answers from the first line of the body.

    Leaving it ends open streams and takes less than two seconds. A server that dies cancels the body, which then
    raises Unavailable. Raises EngineRunning, Conflict or Invalid, as `private_socket` does, before anything starts.
    """
    body = asyncio.current_task()
    assert body is not None
    deaths: list[BaseException] = []

    def died(_name: str, error: BaseException) -> None:
        deaths.append(error)
        body.cancel()

    crew = Crew(died)
    with private_socket(socket) as listener:
        try:
            # FastAPI takes a third of a second to load: beside the loop, not on it.
            server = await asyncio.to_thread(_assemble, engine)
            crew.start("control-api", server.serve([listener]), on_crash=Consequence.STOP_ENGINE)
            try:
                await server.ready.wait()
                yield
            finally:
                await server.finish(crew)
        except asyncio.CancelledError:
            if not deaths or body.uncancel() > 0:
                raise
            message = f"the control API on {socket} died: {deaths[0]}"
            raise Unavailable(message, hint="the engine's log has the details; start it again") from deaths[0]


def _assemble(engine: Engine) -> "ControlServer":
    from engine.server.control import assemble

    return assemble(engine)
