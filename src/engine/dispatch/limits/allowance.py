"""How often somebody may ask: so many at once, so many a second in the long run."""

from engine.clock import Clock


class Allowance:
    """A bucket of `burst` that fills by `rate` a second."""

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock, self._rate, self._burst = clock, rate, burst
        self._left, self._seen = burst, clock.monotonic()

    def take(self) -> bool:
        """Take one; False when none is left."""
        now = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
