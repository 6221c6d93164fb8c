"""Who looks: what attached screens said of the people at them, good for a short while only."""

from collections import OrderedDict

from engine.api import Presence
from engine.clock import Clock

FRESH = 45.0  # seconds a report counts; a screen that lives says it again well before that
READING = 5  # times as long without a key count as looking while the decision itself is on the screen
MOST = 64  # attachments


class Attachments:
    """The newest report of each. A screen that vanished is forgotten with its last report."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reports: OrderedDict[str, tuple[float, float, str | None]] = OrderedDict()

    def report(self, presence: Presence) -> None:
        self._reports.pop(presence.attachment, None)
        if presence.idle is None:
            return
        now = self._clock.monotonic()
        self._reports[presence.attachment] = (now + FRESH, now - presence.idle, presence.focus)
        while len(self._reports) > MOST:
            self._reports.popitem(last=False)

    def looks(self, decision: str | None, away: float) -> float:
        """Seconds for which it is known that somebody looks: at this decision or list, or with a key not long ago;
        0 when nobody does."""
        now, left = self._clock.monotonic(), 0.0
        for until, key, focus in self._reports.values():
            sees = decision is not None and focus in ("", decision)
            left = max(left, min(until - now, key + away * (READING if sees else 1) - now))
        return left
