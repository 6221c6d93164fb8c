"""An interrupt lets a command go its way out; a second one does not cut that off (case 48, HARDENING fact 5)."""

import asyncio
import os
import signal

import pytest

from tui.cli.call import run_async
from tui.cli.interrupts import heard, held_off


async def handled() -> None:
    """Let the loop hear of signals that were sent to this process."""
    for _ in range(5):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_case_48_a_second_signal_leaves_what_is_being_closed_alone(number: signal.Signals) -> None:
    steps: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            await handled()
            steps.append("closed")

    with pytest.raises(KeyboardInterrupt):
        run_async(work())
    assert steps == ["closed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_what_was_heard_before_is_heard_again() -> None:
    told: list[str] = []
    with heard({signal.SIGTERM: lambda: told.append("outer")}):
        with heard({signal.SIGTERM: lambda: told.append("inner")}):
            os.kill(os.getpid(), signal.SIGTERM)
            await handled()
        os.kill(os.getpid(), signal.SIGTERM)
        await handled()
    assert told == ["inner", "outer"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_case_48_a_first_signal_leaves_what_is_being_closed_alone(number: signal.Signals) -> None:
    steps: list[str] = []

    async def work() -> str:
        with held_off():
            os.kill(os.getpid(), number)
            await handled()
            steps.append("closed")
        return "answered"

    assert run_async(work()) == "answered"
    assert steps == ["closed"]
