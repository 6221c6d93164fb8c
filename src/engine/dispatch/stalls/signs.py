"""What a run shows of life: facts with their time, from its log, its agent and its own word (R49, R50)."""

from enum import StrEnum

from engine.clock import Clock


class Sign(StrEnum):
    """Where a sign of life came from."""

    OUTPUT = "output"
    HEARTBEAT = "heartbeat"
    ACTION = "action"


class Signs:
    """The newest sign of each source in monotonic seconds; `action` is the agent's last one and `repeats` how often it
    has come in a row, the first time at `repeating_since`; `waits` names what the run waits for, by who says so: such
    a run is never silent. `rested_at`: when it last waited, or began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fresh = False
        self.began = self.rested_at = clock.monotonic()
        self.shown: dict[Sign, float] = {}
        self.waits: dict[str, str] = {}
        self.action = ""
        self.repeats = 0
        self.repeating_since: float | None = None

    def show(self, sign: Sign) -> None:
        """It gave this sign of life."""
        self.shown[sign] = self._clock.monotonic()
        self._fresh = True

    def act(self, action: str) -> None:
        """Its agent did something; the same words again are a repetition."""
        self.repeats = self.repeats + 1 if action == self.action else 1
        if self.repeats == 1:
            self.repeating_since = self._clock.monotonic()
        self.action = action
        self.show(Sign.ACTION)

    def wait(self, who: str, why: str) -> None:
        """It waits for a human, a lease or a cooldown from here on."""
        self.waits[who] = why
        self._fresh = True

    def go_on(self, who: str) -> None:
        """That wait is over."""
        self.waits.pop(who, None)
        self.rest()
        self._fresh = True

    def rest(self) -> None:
        """It has waited, or stood still, up to this moment: what it did not do meanwhile says nothing."""
        self.rested_at = self._clock.monotonic()

    def heard(self) -> bool:
        """Whether it has shown life since this was asked last, or waits and need not."""
        fresh, self._fresh = self._fresh, False
        return fresh or bool(self.waits)
