"""An engine in the foreground: what runs beside it, and how signals bring it to an end in bounded time."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.errors import ExitCode
from tui.cli.interrupts import heard
from tui.cli.output import say
from tui.cli.session import POLL

if TYPE_CHECKING:
    from engine.local.engine import LocalEngine

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLEAN_UP = 1.0  # seconds for the last sandbox of an ended goal to be removed
LAST_WORDS = 5.0  # seconds for a follower to print what came before the engine stopped, on a machine that is busy too


class Foreground:
    """Holds the signals of this process while an engine of its own runs: the first drains, the second stops."""

    def __init__(self, engine: "LocalEngine", grace: float, *, when_stopped: ExitCode = ExitCode.INTERRUPTED) -> None:
        """`grace` in seconds; `when_stopped`: what it means that another client ended the engine."""
        self._engine = engine
        self._grace = grace
        self._when_stopped = when_stopped
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def attend(self, work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
        """Run `work` to its end, or until a signal or another client ends the engine.

        Returns what `work` returned; INTERRUPTED after SIGINT or a forced stop; DONE after a SIGTERM that let
        everything finish; `when_stopped` when another client ended the engine.
        """
        with self._held_signals():
            return await self._race(work)

    async def drain(self) -> ExitCode:
        """Let running work end in the time there is, then stop; a signal stops at once."""
        with self._held_signals():
            return await self._wind_down("leaving", ExitCode.DONE)

    @contextmanager
    def _held_signals(self) -> Iterator[None]:
        with heard({number: partial(self._signals.put_nowait, number) for number in SIGNALS}):
            yield

    async def _race(self, work: Coroutine[Any, Any, ExitCode]) -> ExitCode:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(work)
            told = group.create_task(self._signals.get())
            stopped = group.create_task(self._engine.wait_stopped())
            await asyncio.wait({working, told, stopped}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if working.done() and not stopped.done():
                    outcome = working.result()
                    told.cancel()
                    await self._finish_others()
                    return outcome
                if not told.done():
                    await asyncio.wait({working}, timeout=LAST_WORDS)
                    return self._when_stopped
                first = told.result()
                drained = ExitCode.INTERRUPTED if first is signal.SIGINT else ExitCode.DONE
                outcome = await self._wind_down(first.name, drained)
                await asyncio.wait({working}, timeout=LAST_WORDS)
                return outcome
            finally:
                for task in (working, told, stopped):
                    task.cancel()

    async def _finish_others(self) -> None:
        """Let runs of other goals end, for as long as SIGTERM would; what lives after that goes on in its sandbox."""
        from tui.formats import duration, plural

        for _ in range(round(CLEAN_UP / POLL)):
            runs = (await self._engine.info()).live_runs
            if not runs:
                return
            await asyncio.sleep(POLL)
        others = f"{plural(runs, 'run')} of other goals"
        say(f"{others}: waiting at most {duration(self._grace)}; Ctrl-C leaves them to the next engine")
        await self._drained()

    async def _wind_down(self, why: str, drained: ExitCode) -> ExitCode:
        from engine.api import StopMode
        from tui.formats import duration, plural

        runs = (await self._engine.info()).live_runs
        if runs:
            grace = duration(self._grace)
            say(f"{why}: finishing {plural(runs, 'live run')}, at most {grace}; Ctrl-C stops at once")
        if await self._drained():
            return drained
        say("stopping what still runs")
        await self._engine.stop(StopMode.STOP)
        await self._engine.wait_stopped()
        if left := (await self._engine.info()).live_runs:
            say(f"{plural(left, 'run')} did not stop in time; the next engine goes on with what is left")
        return ExitCode.INTERRUPTED

    async def _drained(self) -> bool:
        """Whether all that ran ended by itself, in time and before the next signal."""
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(self._drain())
            again = group.create_task(self._signals.get())
            await asyncio.wait({draining, again}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
            done = draining.done()
            draining.cancel()
            again.cancel()
        return done

    async def _drain(self) -> None:
        from engine.api import StopMode

        await self._engine.stop(StopMode.DRAIN)
        await self._engine.wait_stopped()
