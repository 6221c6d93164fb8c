"""The kill switch of dispatch, asked before it is thrown."""

from tui.screens.ask import Confirm
from tui.themes import Line, Tone


class Switch(Confirm):
    """Dismissed with `on` or `off`, the other position than the one it stands in, or with None."""

    def __init__(self, *, on: bool) -> None:
        if on:
            title, do = "Switch dispatch off?", ("off", "Switch it off")
            words = "Nothing starts in any goal until it is on again, over restarts too. What runs goes on."
        else:
            title, do = "Switch dispatch on?", ("on", "Switch it on")
            words = "Whatever is ready starts at once, as far as limits allow."
        text: list[Line] = [[(words, Tone.PLAIN)]]
        super().__init__(title, text, [("back", "Leave it"), do])
