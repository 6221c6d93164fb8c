"""A sheet with deciding keys: they sleep after it is painted, act once, and never in one stream with others."""

import time
from collections.abc import Callable

from tui.actions.press import CROWD, Press, refusal
from tui.screens.reader import Reader
from tui.widgets.lines import Lines


class Weighed(Reader):
    """Subclasses call `weigh` from the action of a deciding key."""

    painted_at: float | None = None

    def on_mount(self) -> None:
        self.call_after_refresh(self._painted)

    def on_screen_resume(self) -> None:
        if self.painted_at is not None:
            self._painted()

    def _painted(self) -> None:
        self.painted_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """For how long it has been on the screen."""
        return 0.0 if self.painted_at is None else time.monotonic() - self.painted_at

    def repaint(self) -> None:
        """Its text has changed: its keys sleep again."""
        self.painted_at = None
        self.query_one("#sheet-body", Lines).again()
        self.call_after_refresh(self._painted)

    def weigh(self, then: Callable[[], None]) -> None:
        """Do it if this press may decide."""
        press, painted = self.deck.guard.take(), self.painted_at
        problem = refusal(press, painted)
        if press is None or problem:
            self.say(problem)
        else:
            self.set_timer(CROWD, lambda: self._if_alone(press, painted, then))

    def _if_alone(self, press: Press, painted: float | None, then: Callable[[], None]) -> None:
        if not press.stood_alone:
            self.say("several keys at once: nothing decided")
        elif not self.is_current or self.painted_at != painted:
            self.say("it changed at that moment: nothing decided")
        else:
            then()
