"""The verb `serve`, which is also `pilothouse --no-ui`: the engine in the foreground, events as JSON lines."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import click

from engine.errors import EngineRunning, ExitCode, Invalid
from tui.cli.call import Call, verb
from tui.cli.foreground import Foreground
from tui.cli.output import put, say
from tui.cli.session import connect, own_engine, patiently, seat_for

if TYPE_CHECKING:
    from engine.api import Engine

SECOND = 1.5  # seconds to wait for a passing visit; then a second engine is refused (HARDENING case 7)
RECENT = 1000  # events among which an engine's own start is looked for


@verb("serve")
@click.option("--until", type=click.Choice(["idle"]), help="End when nothing runs or can run.")
@click.option("--listen", metavar="HOST:PORT", hidden=True)
@click.option("--token-file", metavar="FILE", hidden=True)
async def serve(call: Call, until: str | None, listen: str | None, token_file: str | None) -> ExitCode:
    """Run the engine in the foreground without UI: events as JSON lines.

    The first SIGTERM or Ctrl-C lets running work end, for at most `engine.shutdown_grace`; a second one stops at
    once. With --until idle it ends by itself when nothing runs or can run, with the exit code of what it found, and
    attaches when an engine runs already.
    """
    for name, given in (("--listen", listen), ("--token-file", token_file)):
        if given is not None:
            raise Invalid(f"{name} is not available in this version", hint="the engine serves its project's socket")
    return await _until_idle(call) if until == "idle" else await _serve(call)


async def _until_idle(call: Call) -> ExitCode:
    from engine.headless import event_line, until_idle

    async with seat_for(call) as seat:
        await tell_notices(seat.engine)
        begin = await _before_start(seat.engine) if seat.own is not None else None
        work = until_idle(seat.engine, lambda event: put(event_line(event)), after=begin)
        if seat.own is None:
            return await work
        return await Foreground(seat.own, call.settings.engine.shutdown_grace).attend(work)


async def _serve(call: Call) -> ExitCode:
    await _refuse_second(call)
    async with AsyncExitStack() as stack:
        engine = await patiently(lambda: stack.enter_async_context(own_engine(call)), patience=SECOND)
        await tell_notices(engine)
        say(f"engine {(await engine.info()).pid} runs on {call.paths.root}; Ctrl-C ends it")
        foreground = Foreground(engine, call.settings.engine.shutdown_grace, when_stopped=ExitCode.DONE)
        return await foreground.attend(_print_events(engine))


async def _refuse_second(call: Call) -> None:
    remote = await connect(call)
    if remote is None:
        return
    try:
        info = await remote.info()
    finally:
        await remote.close()
    raise EngineRunning(
        f"an engine is running on this project: pid {info.pid} on {info.host}",
        hint=f"`{call.command('events', '-f')}` follows it, `{call.command('stop')}` ends it",
        details={"pid": info.pid, "host": info.host},
    )


async def _print_events(engine: "Engine") -> ExitCode:
    """Every event since this engine started, until it has stopped."""
    from engine.headless import event_line
    from tui.cli.reading_events import every_event

    async for event in every_event(engine, await _before_start(engine)):
        put(event_line(event))
    return ExitCode.DONE


async def _before_start(engine: "Engine") -> int:
    """The number of the last event before this engine's own start, or before what was decided while none ran."""
    from engine.events import EventType

    newest = (await engine.info()).seq
    recent = await engine.events(max(0, newest - RECENT), RECENT)
    turns = [event for event in recent if event.type in (EventType.ENGINE_STARTED, EventType.ENGINE_STOPPED)]
    if not turns:
        return newest
    stopped = len(turns) > 1 and turns[-2].type is EventType.ENGINE_STOPPED
    return turns[-2].seq if stopped else turns[-1].seq - 1


async def tell_notices(engine: "Engine") -> None:
    """What the operator must know about this engine, such as a fallback to another driver."""
    for notice in (await engine.info()).notices:
        say(f"note: {notice}")
