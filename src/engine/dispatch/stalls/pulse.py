"""What this engine keeps of one live run beside its signs: its monitor, and what it was last seen doing."""

from engine.clock import Clock
from engine.dispatch.stalls.activity import Assessment
from engine.dispatch.stalls.signs import Sign, Signs
from engine.dispatch.stalls.vitals import Vitals


class Pulse:
    """`followed`: it has a sandbox that is waited for; `assessment`: None until it was looked at."""

    def __init__(self, clock: Clock) -> None:
        self.vitals = Vitals(clock)
        self.assessment: Assessment | None = None
        self.followed = False
        self._lines = 0

    def begin(self, lines: int) -> None:
        """From here on it is followed; what its log holds already is no sign of life."""
        self.followed, self._lines = True, lines

    def listen(self, lines: int, signs: Signs) -> None:
        """Output since it was listened to last is a sign of life; `lines` its log has by now."""
        if lines != self._lines:
            self._lines = lines
            signs.show(Sign.OUTPUT)
