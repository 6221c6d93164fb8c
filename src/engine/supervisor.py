"""Background tasks with a name, an owner and a stated consequence of dying."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any

log = logging.getLogger(__name__)


class Consequence(StrEnum):
    """What happens when a task dies of an error."""

    STOP_ENGINE = "stop_engine"
    REPORT = "report"


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

    def names(self) -> list[str]:
        return sorted(self._tasks)

    def _ended(self, name: str, task: asyncio.Task[None], on_crash: Consequence) -> None:
        self._tasks.pop(name, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
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
