"""Whether a key press may decide: once, awake, alone, typed by a hand that saw what it decides (R122)."""

from collections import OrderedDict
from dataclasses import dataclass

AWAKE_AFTER = 0.3  # seconds a decision is on the screen before its keys work
REPEAT = 0.7  # seconds in which the same key again is the keyboard's own repeat (delays of up to 660 ms are in use)
CROWD = 0.05  # seconds around a press in which any other key makes it type-ahead or a raw paste
REMEMBERED = 256  # presses and keys that are kept


@dataclass
class Press:
    """One key that came in at `at`; `next_at` is when the next one did."""

    key: str
    at: float
    repeated: bool
    crowded: bool
    next_at: float | None = None

    @property
    def stood_alone(self) -> bool:
        """Whether no other key came around it; known for sure once CROWD has passed."""
        return not self.crowded and (self.next_at is None or self.next_at - self.at >= CROWD)


class KeyGuard:
    """Remembers when keys arrived. Times are the monotonic seconds at which the driver read them."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, float] = OrderedDict()
        self._newest_at = float("-inf")
        self._newest: Press | None = None
        self._waiting: OrderedDict[tuple[str, float], Press] = OrderedDict()
        self._acting: Press | None = None

    def arrived(self, key: str, at: float) -> None:
        """A key came in, whatever will be done with it."""
        repeated = at - self._last.get(key, float("-inf")) < REPEAT
        press = Press(key, at, repeated, at - self._newest_at < CROWD)
        self.pasted(at)
        self._newest = self._waiting[key, at] = press
        self._last[key] = at
        self._last.move_to_end(key)
        for kept in (self._waiting, self._last):
            while len(kept) > REMEMBERED:
                kept.popitem(last=False)

    def pasted(self, at: float) -> None:
        """Something came in: what was typed right before it did not stand alone."""
        if self._newest is not None and self._newest.next_at is None:
            self._newest.next_at = at
        self._newest_at = at

    def acting(self, key: str, at: float) -> None:
        """This press is the one that is looked up in the bindings."""
        self._acting = self._waiting.pop((key, at), None)

    def take(self) -> Press | None:
        """The acting press, once: one press, one decision."""
        press, self._acting = self._acting, None
        return press

    @property
    def is_crowded(self) -> bool:
        """Whether the acting press came in one stream with others."""
        return self._acting is not None and not self._acting.stood_alone


def refusal(press: Press | None, painted_at: float | None) -> str:
    """Why a press decides nothing on what was painted then, in words; empty when it may."""
    if painted_at is None:
        return "not on the screen yet: nothing decided"
    if press is None or press.key == "enter":
        return "only its own key decides"
    if press.at - painted_at < AWAKE_AFTER:
        return "its keys were still asleep: nothing decided"
    if not press.stood_alone:
        return "several keys at once: nothing decided"
    return "held or pressed again too fast: nothing decided" if press.repeated else ""
