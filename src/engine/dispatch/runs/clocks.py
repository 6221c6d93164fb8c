"""A run's two clocks, its time limit and its silence; both stand still while its sandbox is frozen (R49, R52)."""

from engine.clock import Clock
from engine.model import ExitCause

FROZEN_LOOK = 0.5  # seconds between looks at clocks that stand still


class Clocks:
    """Limits in seconds; `begin` starts both anew for a run that has spent part of its time already."""

    def __init__(self, clock: Clock, timeout: float, idle_timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._idle_timeout = idle_timeout
        self._began = self._heard = clock.monotonic()
        self._stopped_at: float | None = None

    @property
    def frozen(self) -> bool:
        return self._stopped_at is not None

    def begin(self, spent: float = 0.0) -> None:
        self._began, self._heard = self._now() - spent, self._now()

    def heard(self) -> None:
        """There was a sign of life: the silence begins anew."""
        self._heard = self._now()

    def freeze(self) -> None:
        if self._stopped_at is None:
            self._stopped_at = self._clock.monotonic()

    def thaw(self) -> None:
        """Go on from where they stood."""
        if self._stopped_at is not None:
            stood = self._clock.monotonic() - self._stopped_at
            self._began, self._heard, self._stopped_at = self._began + stood, self._heard + stood, None

    def passed(self) -> ExitCause | None:
        """The limit that has passed; none does while they stand still."""
        if self.frozen or self._left() > 0:
            return None
        return ExitCause.TIMEOUT if self._now() >= self._began + self._timeout else ExitCause.IDLE

    def next_look(self, most: float) -> float:
        """Seconds until the next limit may have passed, at most `most`."""
        return min(FROZEN_LOOK, most) if self.frozen else min(self._left(), most)

    def _left(self) -> float:
        return min(self._began + self._timeout, self._heard + self._idle_timeout) - self._now()

    def _now(self) -> float:
        return self._clock.monotonic() if self._stopped_at is None else self._stopped_at
