"""Leaving: detach, drain or stop. The safe one has the focus; esc stays."""

from engine.api import StopMode
from tui.formats import plural
from tui.screens.ask import Confirm
from tui.themes import Line, Tone


class Leaving(Confirm):
    """Dismissed with the name of a StopMode, or None for staying."""

    INDENT = 8

    def __init__(self, live_runs: int, *, remote: bool) -> None:
        goes_on = "the engine goes on where it is" if remote else "the engine goes on without a screen"
        live = f", {plural(live_runs, 'run')} with it" if live_runs else ""
        text: list[Line] = [
            [("detach  ", Tone.KEY), (goes_on + live, Tone.PLAIN)],
            [("drain   ", Tone.KEY), ("nothing new starts, what runs may end, then the engine ends", Tone.PLAIN)],
            [("stop    ", Tone.KEY), ("sandboxes end at once, then the engine ends", Tone.PLAIN)],
            [],
            [("esc     ", Tone.KEY), ("stays here", Tone.PLAIN)],
        ]
        choices = [(StopMode.DETACH, "Detach"), (StopMode.DRAIN, "Drain"), (StopMode.STOP, "Stop")]
        super().__init__("Leave Pilothouse?", text, [(str(mode), label) for mode, label in choices])
