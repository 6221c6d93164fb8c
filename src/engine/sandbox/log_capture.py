"""Follow a sandbox's output into its log."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, runtime_checkable

from engine.ids import SafeName
from engine.sandbox.driver import Driver
from engine.sandbox.log_lines import Lines, Seen
from engine.sandbox.run_log import RunLog

Pace = Callable[[], Awaitable[None]]


@runtime_checkable
class LineSource(Protocol):
    """A driver whose output is stamped line by line at its source: whole lines can be stored as they come."""

    def lines(self, name: SafeName, seen: Seen, line_limit: int) -> AsyncIterator[Lines]:
        """Lines after the position `seen`, in stored form; ends when the sandbox has ended."""
        ...


async def unhurried() -> None:
    """As fast as it comes."""


async def capture(driver: Driver, name: SafeName, log: RunLog, pace: Pace = unhurried) -> None:
    """Store what the sandbox prints, from where the log ends, until its output has ended.

    `pace` is awaited after each piece, so that a flood leaves the loop to others. Cancelled, it leaves a log that the
    next capture continues without loss or duplicate.
    """
    try:
        if isinstance(driver, LineSource):
            async for lines in driver.lines(name, log.seen, log.line_limit):
                log.write_lines(lines)
                await pace()
        else:
            async for chunk in driver.logs(name, log.last_at):
                log.write(chunk)
                await pace()
        log.finish_lines()
    finally:
        log.flush()
