"""How often one client may call: a bucket each, in a table that does not grow with the number of clients."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

RATE = 100.0  # requests a second, in the long run
BURST = 400.0  # requests at once: a screen that opens on many goals
CLIENTS = 1024  # clients remembered; the one that was silent longest is forgotten first


@dataclass
class _Bucket:
    left: float
    at: float


class RateLimit:
    """Token buckets by client. `monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float], *, rate: float = RATE, burst: float = BURST) -> None:
        self._monotonic = monotonic
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take one request; 0 when there was room, else the seconds until there is."""
        now = self._monotonic()
        bucket = self._buckets.setdefault(client, _Bucket(self._burst, now))
        self._buckets.move_to_end(client)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._rate
        bucket.left -= 1
        return 0.0

    def __len__(self) -> int:
        return len(self._buckets)
