"""How many sandboxes may start in a while: a bound that holds whatever else leaves room (R22)."""

from collections import deque

from engine.dispatch.context import Context


class SpawnWindow:
    """The starts of the last `engine.spawn_window` seconds, at most `engine.spawn_rate` of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._starts: deque[float] = deque()

    def room(self) -> int:
        """How many more may start at once."""
        settings = self._context.settings.engine
        horizon = self._context.clock.monotonic() - settings.spawn_window
        while self._starts and self._starts[0] <= horizon:
            self._starts.popleft()
        return settings.spawn_rate - len(self._starts)

    def take(self) -> None:
        """One has started."""
        self._starts.append(self._context.clock.monotonic())

    def frees(self) -> list[float]:
        """Seconds until there is room again; nothing while there is."""
        settings = self._context.settings.engine
        if len(self._starts) < settings.spawn_rate:
            return []
        return [self._starts[0] + settings.spawn_window - self._context.clock.monotonic()]

    def left(self) -> float:
        """Seconds until one more may start as far as this goes; 0 when it may at once."""
        return max([0.0, *self.frees()])
