"""How fast logs are read: as fast as they come, unless somebody looks at a screen of this engine."""

import asyncio
import time
from collections.abc import Callable

LONGEST = 0.02  # seconds of one rest: 50 pieces of up to 256 KB a second keep up with what a daemon writes
REST = 1.0  # seconds of rest for each second that the loop's thread has worked


class Pace:
    """Rests in proportion to the work done since the last rest while `watched()`: whatever a sandbox prints, a key
    press finds the loop free (promise 5). What is not read meanwhile waits with the sandbox's runtime; once that has
    ended, `hurry` reads the rest at full speed."""

    def __init__(self, watched: Callable[[], bool]) -> None:
        self._watched = watched
        self._worked = time.thread_time()

    def hurry(self) -> None:
        self._watched = lambda: False

    async def rest(self) -> None:
        """Called after each piece of a log."""
        if self._watched():
            worked = time.thread_time() - self._worked
            await asyncio.sleep(min(LONGEST, worked * REST))
        self._worked = time.thread_time()
