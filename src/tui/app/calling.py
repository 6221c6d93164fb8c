"""The app's part in calling its operator: what it knows of who is there, and what it says of that to the engine."""

import os
import time
import uuid
from typing import Any

from textual.app import App
from textual.events import AppBlur, AppFocus, Event, Key, MouseDown, MouseScrollDown, MouseScrollUp, Paste

from engine.api import Presence, StopMode
from engine.errors import PilothouseError
from engine.model import NotifySettings
from tui.calling.caller import Attendance, Caller
from tui.screens.card import Card
from tui.screens.decisions import DecisionsScreen
from tui.screens.deck import Deck
from tui.widgets.background import start

LOOK = 5.0  # seconds between looks at what waits to be told
AGAIN = 15.0  # seconds after which the engine is told again that somebody is there
SIGNS = (Key, Paste, MouseDown, MouseScrollUp, MouseScrollDown, AppFocus)


class Calling(App[StopMode | None]):
    """Mixed into the app."""

    deck: Deck
    caller: Caller
    attendance: Attendance

    def begin_calling(self, settings: NotifySettings) -> None:
        """Before anything is heard."""
        self.attendance = Attendance()
        self.caller = Caller(settings, self.attendance, self.to_terminal, lambda: self.deck.now(), dict(os.environ))
        self._attachment = uuid.uuid4().hex
        self._reported: tuple[float, str | None, bool] | None = None

    def to_terminal(self, sequence: str) -> None:
        """A sequence of ours, on the terminal and nowhere else."""
        if not self.is_headless and self._driver is not None:
            self._driver.write(sequence)

    def noticed(self, event: Event) -> None:
        """Whatever comes from the terminal says whether somebody is there."""
        if isinstance(event, SIGNS):
            self.attendance.acted()
        elif isinstance(event, AppBlur):
            self.attendance.left()
            self.attend()

    def attend(self) -> None:
        """Look at what waits, and tell the engine who is here when that is news to it or was said a while ago."""
        screen: Any = self.screen
        focus = screen.wanted if isinstance(screen, Card) else "" if isinstance(screen, DecisionsScreen) else None
        self.attendance.focus = focus
        self.caller.consider()
        idle = self.attendance.idle
        here = idle is not None and self.attendance.looks(focus or "", self.caller.settings.away)
        news = (time.monotonic(), focus, here)
        old = self._reported
        changed = old is not None and (news[1:] != old[1:] or (here and news[0] - old[0] >= AGAIN))
        if changed or (old is None and here):
            self._reported = news
            presence = Presence(attachment=self._attachment, focus=focus, idle=idle if here else None)
            start(self, self._report, presence, group="presence", exclusive=True)

    async def _report(self, presence: Presence) -> None:
        """An engine that does not take it goes on telling people: nothing is lost."""
        try:
            await self.deck.engine.report_presence(presence)
        except PilothouseError:
            self._reported = None
