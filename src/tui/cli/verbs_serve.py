"""The verb `serve`, which is also `pilothouse --no-ui`: the engine in the foreground, events as JSON lines."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import EngineRunning, ExitCode, Invalid
from tui.cli.call import Call, verb
from tui.cli.foreground import Foreground
from tui.cli.output import put, say
from tui.cli.ringing import ringing
from tui.cli.session import connect, here_only, make_state, own_engine, patiently, seat_for

if TYPE_CHECKING:
    from engine.api import Engine
    from engine.server import TcpDoor

SECOND = 1.5  # seconds an engine that starts or leaves is waited for; then a second one is refused (HARDENING case 7)
RECENT = 1000  # events among which an engine's own start is looked for


@verb("serve")
@click.option("--until", type=click.Choice(["idle"]), help="End when nothing runs or can run.")
@click.option("--listen", metavar="HOST:PORT", help="Also serve the control API there, to whoever shows a token.")
@click.option("--read-only-token-file", metavar="FILE", help="Tokens that may look and change nothing.")
async def serve(call: Call, until: str | None, listen: str | None, read_only_token_file: str | None) -> ExitCode:
    """Run the engine in the foreground without UI: events as JSON lines.

    The first SIGTERM or Ctrl-C lets running work end, for at most `engine.shutdown_grace`; a second one stops at
    once. With --until idle it ends by itself when nothing runs or can run, with the exit code of what it found, and
    attaches when an engine runs already.

    --listen serves the control API on TCP as well. Whoever shows a token of --token-file may do whatever the operator
    may; on loopback a token is made in .pilothouse/ when no file is named.
    """
    here_only(call, "running an engine")
    door = tcp_door(call, listen, read_only_token_file)
    return await _until_idle(call, door) if until == "idle" else await _serve(call, door)


def tcp_door(call: Call, listen: str | None, readers: str | None) -> "TcpDoor | None":
    """The TCP door that was asked for. Beyond this machine it wants a token file, and says what it means (R114)."""
    if listen is None:
        if readers is not None or call.token_file is not None:
            raise Invalid("a token file goes with --listen, or with --engine", hint="--listen 127.0.0.1:7421")
        return None
    from engine.private import issue_token
    from engine.server import Role, TcpDoor, TokenFile, parse_listen

    where = parse_listen(listen)
    file = call.token_file
    if file is None and not where.local:
        hint = "name the tokens that open it with --token-file FILE: whoever has one may run commands on this machine"
        raise Invalid(f"{where} can be reached from other machines", hint=hint)
    if file is None:
        make_state(call.paths)
        file = call.paths.api_token
        issue_token(file)
        say(f"the token is in {file}")
    if not where.local:
        say(f"note: whoever reaches {where} and has a token may run commands on this machine; nothing is encrypted")
    files = [TokenFile(file, Role.OPERATOR)]
    return TcpDoor(where, [*files, TokenFile(Path(readers), Role.READER)] if readers is not None else files)


async def _until_idle(call: Call, door: "TcpDoor | None") -> ExitCode:
    async with seat_for(call, door) as seat:
        await tell_notices(seat.engine)
        begin = await _before_start(seat.engine) if seat.own is not None else None
        work = _idle(call, seat.engine, begin)
        if seat.own is None:
            return await work
        return await Foreground(seat.own, call.settings.engine.shutdown_grace).attend(work)


async def _idle(call: Call, engine: "Engine", begin: int | None) -> ExitCode:
    from engine.headless import event_line, until_idle

    async with ringing(call, engine, lambda event: put(event_line(event))) as emit:
        return await until_idle(engine, emit, after=begin)


async def _serve(call: Call, door: "TcpDoor | None") -> ExitCode:
    await _refuse_second(call)
    async with AsyncExitStack() as stack:
        engine = await patiently(lambda: stack.enter_async_context(own_engine(call, door)), patience=SECOND)
        await tell_notices(engine)
        say(f"engine {(await engine.info()).pid} runs on {call.paths.root}; Ctrl-C ends it")
        foreground = Foreground(engine, call.settings.engine.shutdown_grace, when_stopped=ExitCode.DONE)
        return await foreground.attend(_print_events(call, engine))


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


async def _print_events(call: Call, engine: "Engine") -> ExitCode:
    """Every event since this engine started, until it has stopped."""
    from engine.headless import event_line
    from tui.cli.reading_events import every_event

    async with ringing(call, engine, lambda event: put(event_line(event))) as emit:
        async for event in every_event(engine, await _before_start(engine)):
            emit(event)
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
