"""Signals of this process: who hears them, and who hears them again afterwards."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

Act = Callable[[], None]
ENDS = (signal.SIGINT, signal.SIGTERM)
_standing: ContextVar[Mapping[signal.Signals, Act]] = ContextVar("standing")


@contextmanager
def heard(acts: Mapping[signal.Signals, Act]) -> Iterator[None]:
    """Each of these signals calls what belongs to it, however often it comes; after that what was heard before."""
    loop, before = asyncio.get_running_loop(), _standing.get({})
    token = _standing.set({**before, **acts})
    for number, act in acts.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        _standing.reset(token)
        for number in acts:
            if number in before:
                loop.add_signal_handler(number, before[number])
            else:
                loop.remove_signal_handler(number)


@contextmanager
def cancelled_once() -> Iterator[None]:
    """SIGINT and SIGTERM cancel the task that enters this, the first time: a second one within its way out would cut
    that off, and a store that is not closed holds up the end of the process for ever (HARDENING fact 5)."""
    task = asyncio.current_task()
    assert task is not None
    asked = False

    def cancel() -> None:
        nonlocal asked
        if not asked:
            asked = True
            task.cancel()

    with heard(dict.fromkeys(ENDS, cancel)):
        yield


@contextmanager
def held_off() -> Iterator[None]:
    """SIGINT and SIGTERM change nothing meanwhile: what is being closed is closed to its end."""
    with heard(dict.fromkeys(ENDS, lambda: None)):
        yield
