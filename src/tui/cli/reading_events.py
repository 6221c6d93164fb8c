"""Reading events: pages of what is stored, then what comes, each once, across engines that end and start."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from engine.api import Lagged, Snapshot
from engine.errors import EngineUnavailable
from engine.events import Event
from engine.headless import event_line
from tui.cli.call import Call
from tui.cli.output import put, say
from tui.cli.session import connect_again, has_project, look, news, no_project
from tui.cli.words import event_words

if TYPE_CHECKING:
    from engine.api import Engine

EVENTS = 1_000  # events a request


async def stored_events(engine: "Engine", after: int) -> AsyncIterator[Event]:
    """What is stored above `after`, page by page."""
    while True:
        page = await engine.events(after, EVENTS)
        for event in page:
            yield event
            after = event.seq
        if len(page) < EVENTS:
            return


async def every_event(engine: "Engine", after: int) -> AsyncIterator[Event]:
    """Every event above `after`, each once, until the engine ends; what a slow reader missed comes from the store."""
    async for event in stored_events(engine, after):
        yield event
        after = event.seq
    async for update in engine.subscribe(after):
        match update:
            case Event():
                if update.seq > after:
                    yield update
                    after = update.seq
            case Snapshot():
                async for event in stored_events(engine, after):
                    yield event
                    after = event.seq
            case Lagged():
                pass


async def print_events(call: Call, after: int) -> int:
    """Print what is stored above `after`; the number of the last event seen."""
    while True:
        page = await _events(call, after)
        for event in page:
            show_event(event, as_json=call.as_json)
            after = event.seq
        if len(page) < EVENTS:
            return after


async def _events(call: Call, after: int) -> Sequence[Event]:
    return await look(call, lambda engine: engine.events(after, EVENTS))


def show_event(event: Event, *, as_json: bool) -> None:
    """One event as a line: JSON, or words."""
    put(event_line(event) if as_json else event_words(event))


async def follow_events(call: Call, after: int) -> None:
    """Print events for ever, each once, across engines."""
    waiting = lost = False
    if not has_project(call):
        raise no_project(call)
    while True:
        remote = await connect_again(call, lost=lost)
        if remote is None:
            after = await print_events(call, after)
            await news(call, told=waiting)
            waiting = True
            continue
        waiting, lost = False, True
        try:
            async for event in every_event(remote, after):
                show_event(event, as_json=call.as_json)
                after = event.seq
        except EngineUnavailable as gone:
            say(f"{gone.message}; waiting for an engine")
        finally:
            await remote.close()
