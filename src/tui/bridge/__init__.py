"""Between the engine and the screens: one subscription, one newest overview, answers on their way."""

from tui.bridge.ballot import Ballot, Said
from tui.bridge.feed import Feed

__all__ = ["Ballot", "Feed", "Said"]
