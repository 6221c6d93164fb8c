"""Being asked to end is not lost when something fails in the same instant."""

import asyncio


def require_uncancelled() -> None:
    """Raise CancelledError when the running task was asked to end.

    A TaskGroup that is cancelled in the instant in which a member of it fails raises the failure alone (CPython before
    3.13, gh-116720). Whoever goes on after such a failure asks here first, or goes on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
