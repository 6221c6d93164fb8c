"""A provider's rate limit as a record names it, in structured fields only (R33)."""

from dataclasses import dataclass
from datetime import datetime

from engine.agents.values import number

MILLISECONDS = 1e11  # epoch numbers above this (the year 5138 in seconds) are milliseconds


@dataclass(frozen=True)
class Limit:
    """The provider refuses. `wait` in seconds and `reset` in seconds since the epoch are what it named, None what it
    did not; `final`: the agent cannot go on, otherwise it tries again by itself."""

    wait: float | None = None
    reset: float | None = None
    final: bool = True

    @property
    def timed(self) -> bool:
        return self.wait is not None or self.reset is not None

    def seconds(self, now: datetime) -> float | None:
        """The wait that was named, whatever its size or sign; None without one."""
        if self.wait is not None:
            return self.wait
        return None if self.reset is None else self.reset - now.timestamp()


def seconds(value: object) -> float | None:
    """`Retry-After` in seconds, as a number or the digits of one."""
    return number(value) if not isinstance(value, str) else _digits(value)


def moment(value: object) -> float | None:
    """Seconds since the epoch, from a number (milliseconds are told by their size) or an RFC 3339 time with its zone;
    None for anything else, as a time without a zone could be any time."""
    at = number(value) if not isinstance(value, str) else _digits(value)
    if at is not None:
        return at / 1000 if at > MILLISECONDS else at
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return None if parsed.tzinfo is None else parsed.timestamp()
    except (ValueError, OverflowError):
        return None


def _digits(text: str) -> float | None:
    if len(text) > 32 or not text.isascii():
        return None
    try:
        return number(float(text))
    except ValueError:
        return None
