"""How often a service is asked: an interval, longer with every failure, and a breaker for the service as a whole."""

from random import Random

LONGEST = 600.0  # seconds between two attempts, whatever has failed
FAILURES = 5  # in a row, of any gate, that open the breaker
SPREAD = 0.2  # each wait is longer or shorter by up to this part, so that gates do not ask in step


def wait_after(interval: float, failures: int, random: Random) -> float:
    """Seconds until a gate is asked about again, after so many failures in a row."""
    return min(LONGEST, interval * 2.0 ** min(failures, 20)) * random.uniform(1 - SPREAD, 1 + SPREAD)


class ServiceBreaker:
    """Closed while the service answers; open after failures in a row: then one attempt at a time finds out whether it
    answers again. Times in seconds of one monotonic clock."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        return self._failures >= FAILURES

    def held(self, now: float) -> float:
        """Seconds that nothing is asked; 0 when it may be."""
        return max(0.0, self._until - now)

    def answered(self) -> None:
        self._failures = 0

    def failed(self, now: float) -> None:
        self._failures += 1
        if self.open:
            self._until = now + min(LONGEST, self._interval * 2.0 ** min(self._failures - FAILURES, 20))

    def rest(self, now: float, seconds: float) -> None:
        """The service asked to be left alone for so long."""
        self._until = max(self._until, now + seconds)
