"""The screen on a project: attached or with an engine of its own, and what becomes of that engine afterwards."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

import click

from engine.errors import ExitCode
from tui.cli.call import Call, run_async
from tui.cli.interrupts import heard
from tui.cli.output import has_terminal, say
from tui.cli.session import Seat, seat_for

if TYPE_CHECKING:
    from engine.api import CreateGoal, StopMode
    from engine.local.engine import LocalEngine


def open_screen(call: Call) -> ExitCode:
    """The bare `pilothouse`; a usage error without a terminal."""
    if call.as_json or not has_terminal():
        raise click.UsageError("the screen needs a terminal; `pilothouse --no-ui` runs the engine without one.")
    return run_async(show_screen(call))


async def show_screen(call: Call, request: "CreateGoal | None" = None) -> ExitCode:
    """Show the screen, on a new goal when one is asked for, until the operator leaves it."""
    from engine.api import StopMode

    async with seat_for(call) as seat:
        goal = await seat.engine.create_goal(request) if request is not None else None
        parting = await _show(call, seat, at=goal.id if goal is not None else None)
        if seat.own is None:
            if parting.mode in (StopMode.DRAIN, StopMode.STOP):
                await seat.engine.stop(parting.mode)
            return parting.code
        goes_on = await _leave(call, seat.own, parting)
    if goes_on:
        await _go_on(call)
    return parting.code


@dataclass
class _Parting:
    """How the screen was left. `mode` None: it died, which is no choice and ends no engine. `chosen`: by a person."""

    mode: "StopMode | None" = None
    chosen: bool = True

    @property
    def code(self) -> ExitCode:
        return ExitCode.DONE if self.mode is not None else ExitCode.TASK_FAILED


async def _leave_with(engine: "LocalEngine | None", leave: "Callable[[StopMode], None]") -> None:
    """An engine of our own that ends, from elsewhere or of an error, takes its screen with it."""
    from engine.api import StopMode

    if engine is not None:
        await engine.ended()
        leave(StopMode.STOP)


async def _show(call: Call, seat: Seat, at: str | None) -> _Parting:
    """Show it, with the cursor on the goal `at`. SIGTERM and SIGINT drain an engine of our own; a terminal that is
    closed lets it go on. Another's engine is left alone."""
    from engine.api import StopMode
    from tui.app import make_app

    reread = None if call.engine is not None else call.source.load
    app = make_app(seat.engine, settings=call.settings, remote=seat.own is None, reread=reread, at=at)
    parting = _Parting()

    def leave(mode: StopMode) -> None:
        parting.chosen = False
        app.exit(mode)

    def hang_up() -> None:
        _write_nowhere()
        leave(StopMode.DETACH)

    ends = partial(leave, StopMode.DETACH if seat.own is None else StopMode.DRAIN)
    with heard({signal.SIGTERM: ends, signal.SIGINT: ends, signal.SIGHUP: hang_up}):
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_leave_with(seat.own, leave), name="engine of this screen")
            parting.mode = await app.run_async()
            watching.cancel()
    parting.chosen = parting.chosen and parting.mode is not None
    return parting


def _write_nowhere() -> None:
    """What is still painted must not fail on a terminal that is gone: the thread that writes it would end, and
    whoever waits for that thread would wait for ever. One that is still there gets its own screen back."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        if not os.isatty(number):
            os.dup2(nowhere, number)
    os.close(nowhere)


async def _leave(call: Call, engine: "LocalEngine", parting: _Parting) -> bool:
    """End our own engine as asked; True when another one must take over in the background."""
    from engine.api import StopMode
    from tui.cli.foreground import Foreground

    match parting.mode:
        case StopMode.DRAIN:
            await Foreground(engine, call.settings.engine.shutdown_grace).drain()
            return False
        case StopMode.STOP:
            await engine.stop(StopMode.STOP)
            await engine.wait_stopped()
            return False
        case StopMode.DETACH | None:
            return parting.chosen or await _moves_by_itself(engine)
        case _:
            assert_never(parting.mode)


async def _moves_by_itself(engine: "LocalEngine") -> bool:
    """Whether anything would happen without a person: a run, a task that can start, a deadline."""
    from engine.model import GoalState

    goals = [goal for goal in (await engine.status()).goals if goal.state in (GoalState.ACTIVE, GoalState.DRAINING)]
    timed = any(wait.until is not None for goal in goals for wait in goal.waiting_on)
    return timed or any(not goal.waiting for goal in goals) or (await engine.info()).live_runs > 0


async def _go_on(call: Call) -> None:
    """Hand the project to an engine in the background; sandboxes kept running and are adopted by it."""
    from tui.cli.background import start_in_background

    engine = await start_in_background(call)
    try:
        info = await engine.info()
    finally:
        await engine.close()
    say(f"engine {info.pid} goes on in the background: `{call.command()}` attaches, `{call.command('stop')}` ends it")
