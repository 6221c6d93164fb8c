"""Background tasks with a name, an owner and a stated consequence of dying."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Consequence(StrEnum):
    """What happens when a task dies of an error."""

    STOP_ENGINE = "stop_engine"
    REPORT = "report"
    HANDED_BACK = "handed_back"
    """Whoever awaits it gets the error and says what becomes of it."""


class Crew:
    """Owns background tasks; a dead one is reported by name, and ends the engine when it said so.

    `on_fatal` is called once, on the event loop, with the name and the error of a STOP_ENGINE task.
    """

    def __init__(self, on_fatal: Callable[[str, BaseException], None]) -> None:
        self._on_fatal = on_fatal
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None], *, on_crash: Consequence) -> asyncio.Task[None]:
        """Run `work` under a name that no live task has; ValueError otherwise."""
        if name in self._tasks:
            work.close()
            raise ValueError(f"a task named {name!r} is alive already")
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done, on_crash))
        return task

    async def attempt(
        self, name: str, work: Coroutine[Any, Any, None], *, on_crash: Consequence = Consequence.REPORT
    ) -> BaseException | None:
        """Run `work` under a name of its own to its end; the error it died of, or None."""
        task = self.start(name, work, on_crash=on_crash)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if task.cancelled():
            raise asyncio.CancelledError
        return task.exception()

    def names(self) -> list[str]:
        return sorted(self._tasks)

    def _ended(self, name: str, task: asyncio.Task[None], on_crash: Consequence) -> None:
        self._tasks.pop(name, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or on_crash is Consequence.HANDED_BACK:
            return
        log.error("%s died: %s", name, error, exc_info=error)
        if on_crash is Consequence.STOP_ENGINE:
            self._on_fatal(name, error)

    async def wait_idle(self, timeout: float) -> bool:
        """Wait for every task to end by itself, at most `timeout` seconds; whether all did."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=timeout)
        return not self._tasks

    async def close(self) -> None:
        """Cancel what is alive and wait until it has ended."""
        alive = [task for task in self._tasks.values() if task is not asyncio.current_task()]
        for task in alive:
            task.cancel()
        await asyncio.gather(*alive, return_exceptions=True)


async def begin(start: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[None]]) -> T:
    """Run a start to its end, also when its caller is cancelled meanwhile: what it gave is then undone.

    A program whose start is cancelled half-way has an id nobody knows, so that its children could not be killed.
    """
    starting = asyncio.create_task(start, name="begin")
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):  # it did not start
            await undo(await starting)
        raise
