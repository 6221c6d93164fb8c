"""Whether what should start sandboxes is away as a whole, or refused this one start."""

from engine.errors import PilothouseError, Unavailable
from engine.sandbox.driver import Driver


async def is_away(driver: Driver, error: Exception) -> bool:
    """Ask the driver itself after a start that failed for want of an answer; it raises nothing."""
    if not isinstance(error, Unavailable):
        return False
    try:
        await driver.check()
    except PilothouseError:
        return True
    return False
