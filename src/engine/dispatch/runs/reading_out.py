"""The rest of a log once its sandbox has ended: what was printed last is what one wants to read."""

import asyncio

from engine.clock import Clock
from engine.sandbox.logs import RunLog

GRACE = 15.0  # seconds without a line after which a log that does not end is given up
LIMIT = 120.0  # seconds the log may take to end after its sandbox has, however it grows


async def read_out(clock: Clock, capturing: "asyncio.Task[None]", run_log: RunLog) -> bool:
    """Wait for the rest of the output, as long as some of it comes; whether that was all."""
    deadline = clock.monotonic() + LIMIT
    while clock.monotonic() < deadline:
        seen = run_log.total
        done, _ = await asyncio.wait({capturing}, timeout=GRACE)
        if done or run_log.total == seen:
            return bool(done)
    return False
