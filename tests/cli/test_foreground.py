"""An engine in the foreground ends in bounded time, whatever runs: the first signal drains, the second stops (R98)."""

import asyncio
import os
import signal
from typing import Any, cast

import pytest

from engine.api import StopMode
from engine.errors import ExitCode
from tui.cli.foreground import Foreground


class Stubborn:
    """An engine whose work ends by itself only when told; it stands at the outer edge of what is tested here."""

    def __init__(self, *, drains: bool, live: int = 2) -> None:
        self.live = live
        self.asked: list[StopMode] = []
        self._drains = drains
        self._stopped = asyncio.Event()
        self.heard = asyncio.Event()

    async def info(self) -> Any:
        return type("Info", (), {"live_runs": self.live})()

    async def stop(self, mode: StopMode) -> None:
        self.asked.append(mode)
        self.heard.set()
        if mode is StopMode.STOP or self._drains:
            self._stopped.set()

    async def wait_stopped(self) -> None:
        await self._stopped.wait()


async def attend(engine: Stubborn, grace: float, *signals: signal.Signals, after: Any = None) -> ExitCode:
    """Attend work that ends with the engine; each signal is sent once the one before was heard."""

    async def work() -> ExitCode:
        await engine.wait_stopped()
        return ExitCode.TASK_FAILED

    async def send() -> None:
        for number in signals:
            engine.heard.clear()
            os.kill(os.getpid(), number)
            await engine.heard.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        return await Foreground(cast("Any", engine), grace).attend(work())


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, ExitCode.DONE), (signal.SIGHUP, ExitCode.DONE), (signal.SIGINT, ExitCode.INTERRUPTED)],
)
async def test_r98_a_signal_drains(number: signal.Signals, code: ExitCode) -> None:
    engine = Stubborn(drains=True)
    assert await attend(engine, 30, number) is code
    assert engine.asked == [StopMode.DRAIN]


async def test_r98_a_second_signal_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    engine = Stubborn(drains=False)
    assert await attend(engine, 3600, signal.SIGTERM, signal.SIGTERM) is ExitCode.INTERRUPTED
    assert engine.asked == [StopMode.DRAIN, StopMode.STOP]
    assert "finishing 2 live runs, at most 1h" in capsys.readouterr().err


async def test_r98_a_drain_that_takes_too_long_stops() -> None:
    engine = Stubborn(drains=False)
    assert await attend(engine, 0.01, signal.SIGTERM) is ExitCode.INTERRUPTED
    assert engine.asked == [StopMode.DRAIN, StopMode.STOP]


async def test_an_engine_stopped_by_another_client_ends_the_work_as_interrupted() -> None:
    engine = Stubborn(drains=True)

    async def endless() -> ExitCode:
        await engine.stop(StopMode.STOP)
        await asyncio.Event().wait()
        return ExitCode.DONE

    from tui.cli import foreground

    before = foreground.LAST_WORDS
    foreground.LAST_WORDS = 0.01
    try:
        outcome = await Foreground(cast("Any", engine), 1).attend(endless())
    finally:
        foreground.LAST_WORDS = before
    assert outcome is ExitCode.INTERRUPTED


async def test_work_that_ends_gives_its_own_code_and_its_own_error() -> None:
    async def done() -> ExitCode:
        return ExitCode.GATE_PENDING

    async def broken() -> ExitCode:
        raise BrokenPipeError

    engine = Stubborn(drains=True, live=0)
    assert await Foreground(cast("Any", engine), 1).attend(done()) is ExitCode.GATE_PENDING
    with pytest.raises(ExceptionGroup) as raised:
        await Foreground(cast("Any", engine), 1).attend(broken())
    assert raised.group_contains(BrokenPipeError)
    assert engine.asked == []


@pytest.mark.parametrize("drains", [True, False])
async def test_runs_of_other_goals_may_end_and_are_never_stopped(drains: bool) -> None:
    async def done() -> ExitCode:
        return ExitCode.DONE

    engine = Stubborn(drains=drains)
    assert await Foreground(cast("Any", engine), 0.01).attend(done()) is ExitCode.DONE
    assert engine.asked == [StopMode.DRAIN]


async def test_leaving_with_drain_holds_the_signals_too() -> None:
    engine = Stubborn(drains=True)
    assert await Foreground(cast("Any", engine), 1).drain() is ExitCode.DONE
    assert engine.asked == [StopMode.DRAIN]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
