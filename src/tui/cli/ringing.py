"""A run in the foreground of a terminal calls for its operator with the bell, and as a desktop notification."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.errors import PilothouseError
from tui.cli.call import Call
from tui.cli.output import narrates_live

if TYPE_CHECKING:
    from engine.api import Engine
    from engine.events import Event

Emit = Callable[["Event"], None]
STDERR = 2
MOST = 1000  # events that wait to be looked at


@asynccontextmanager
async def ringing(call: Call, engine: "Engine", emit: Emit) -> AsyncIterator[Emit]:
    """`emit`, and beside it a look at what each event asks of people; only where stderr is a terminal."""
    from engine.model import Desktop

    settings = call.settings.notify
    if not narrates_live() or not (settings.bell or settings.desktop is not Desktop.OFF):
        yield emit
        return
    queue: asyncio.Queue[Event] = asyncio.Queue(MOST)

    def both(event: "Event") -> None:
        emit(event)
        with suppress(asyncio.QueueFull):
            queue.put_nowait(event)

    async with asyncio.TaskGroup() as group:
        ringer = group.create_task(_ring(call, engine, queue), name="bell")
        try:
            yield both
        finally:
            ringer.cancel()


async def _ring(call: Call, engine: "Engine", queue: "asyncio.Queue[Event]") -> None:
    """Whoever started it is told whatever it asks: nothing is known of where they look."""
    from tui.calling.caller import Attendance, Caller

    nobody = Attendance()
    nobody.left()
    caller = Caller(call.settings.notify, nobody, _to_terminal, lambda: datetime.now(UTC), dict(os.environ))
    reading = 0
    while True:
        with suppress(PilothouseError):  # an engine that goes is told of elsewhere
            reading += 1
            caller.show(await engine.decisions(), {}, reading)
        caller.heard(await queue.get())
        while not queue.empty():
            caller.heard(queue.get_nowait())


def _to_terminal(sequence: str) -> None:
    """Past whoever stands before stderr: a picture that moves takes controls out of what is written there."""
    with suppress(OSError):  # the terminal was closed: nobody is there to be told
        os.write(STDERR, sequence.encode())
