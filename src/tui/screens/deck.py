"""What every screen is given: the bridge, the key guard, the clock, who sits at the keys."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from engine.api import Engine
from tui.actions import KeyGuard
from tui.bridge import Ballot, Feed


@dataclass(frozen=True)
class Deck:
    """Shared by all screens. `blink` is False where nothing may move by itself: in snapshots;
    `editor` lends the terminal to the operator's editor, None from it: it cannot be lent."""

    feed: Feed
    ballot: Ballot
    guard: KeyGuard
    now: Callable[[], datetime]
    editor: Callable[[str], Awaitable[str | None]] | None = None
    operator: str = "operator"
    blink: bool = True

    @property
    def engine(self) -> Engine:
        return self.feed.engine
