"""Being asked to end is not lost when something fails in the same instant."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run work in a task of its own and return what it returns; for whoever goes on after it has failed.

    A TaskGroup that is cancelled in the instant in which a member of it fails raises the failure alone (CPython before
    3.13, gh-116720), and who goes on after that goes on for ever. Here the caller hears the cancel whatever the work
    dies of; the work has ended by then.
    """
    task = asyncio.create_task(work, name="apart")
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task.result()
