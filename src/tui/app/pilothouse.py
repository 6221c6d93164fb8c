"""The Textual app over the Engine protocol: what all screens share, and the two walls around keys and bytes."""

import gc
import getpass
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.events import Event, Key, Paste
from textual.filter import LineFilter
from textual.worker import Worker, WorkerState

from engine.api import Engine
from engine.collector import leave_alone_what_is_loaded
from engine.events import Event as Fact
from engine.settings import Settings
from tui.actions import KeyGuard, Scope, bindings, check_keymap
from tui.app.calling import LOOK
from tui.app.rereading import Rereading
from tui.app.stopping import resume_only_what_was_stopped
from tui.app.ways import Ways
from tui.bridge import Ballot, Feed
from tui.commands import Everything
from tui.formats import clean
from tui.messages import Changed, Link, Overview
from tui.screens.base import WIDE, Working
from tui.screens.decisions import DecisionsScreen
from tui.screens.deck import Deck
from tui.screens.goals import GoalsScreen
from tui.screens.logs import LogsScreen
from tui.screens.sandboxes import SandboxesScreen
from tui.themes import PILOTHOUSE
from tui.widgets.harmless import Harmless

SHEETS: list[str | PurePath] = [
    "pilothouse.tcss",
    *(f"../screens/{name}.tcss" for name in ("goals", "detail", "decisions", "logs", "sandboxes")),
]
BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (WIDE, "-wide")]


class PilothouseApp(Rereading, Ways):
    """Ends with how the operator wants the engine to go on, or None when the screen died."""

    # All sheets at once: one that came with its screen would have the whole style parsed again at its first opening.
    CSS_PATH = SHEETS
    TITLE = "pilothouse"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.EVERYWHERE)]
    COMMANDS: ClassVar[set[Any]] = {Everything}
    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    DEFAULT_MODE = "goals"

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        now: Callable[[], datetime],
        *,
        remote: bool,
        blink: bool,
        reread: Callable[[], Settings] | None = None,
        at: str | None = None,
    ) -> None:
        super().__init__()
        self.remote = remote
        self.guard = KeyGuard()
        self.begin_calling(settings.notify)
        self.begin_rereading(settings, reread)
        feed = Feed(engine, self._tell, now, self._heard)
        ballot = Ballot(feed, now)
        self.deck = Deck(feed, ballot, self.guard, now, self.edit_text, _operator(), blink)
        self.chosen_keys = check_keymap(settings.ui.keymap)
        self.set_keymap(self.chosen_keys)
        self.add_mode("goals", lambda: GoalsScreen(self.deck, at))
        self.add_mode("decisions", lambda: DecisionsScreen(self.deck))
        self.add_mode("logs", lambda: LogsScreen(self.deck))
        self.add_mode("sandboxes", lambda: SandboxesScreen(self.deck))
        self.register_theme(PILOTHOUSE)
        self.wear(settings.ui.theme)
        self._bridge: Worker[None] | None = None
        self._told = False
        self._harmless = Harmless()
        if not blink:
            self.animation_level = "none"

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The second wall stands behind every widget."""
        return [*super().get_line_filters(), self._harmless]

    def _heard(self, event: Fact) -> None:
        self.caller.heard(event)
        self.reread_after(event)

    def on_mount(self) -> None:
        self._follow()
        if self.deck.blink:
            self.set_interval(LOOK, self.attend)

    def on_ready(self) -> None:
        """What was loaded lives as long as the process: taken out of the collector it costs no pause at a keypress."""
        if not self.is_headless:
            resume_only_what_was_stopped()
            gc.collect()
            leave_alone_what_is_loaded()

    def _follow(self) -> None:
        self._bridge = self.run_worker(self.deck.feed.run(), name="bridge", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bridge that dies is a fact to show: the view is old from here on, and `.` starts it again."""
        if event.worker is self._bridge and event.state is WorkerState.ERROR:
            error = event.worker.error
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            said = clean(f"the bridge died: {type(error).__name__}: {error}")
            self.deck.feed.set(link=Link.BROKEN, trouble=said[:300])

    def action_refresh(self) -> None:
        if self._bridge is not None and self._bridge.is_finished:
            self._follow()
        if isinstance(self.screen, DecisionsScreen):
            self.screen.merge()
        self.deck.feed.refresh()

    def _tell(self, overview: Overview) -> None:
        if not self._told:
            self._told = True
            self.post_message(Changed(overview))

    def on_changed(self, message: Changed) -> None:
        """Paint the newest overview; several that came before this moment are one."""
        self._told = False
        for sent in self.deck.ballot.settle(self.overview):
            self.notify(f"{sent.answer} did not arrive: decide again", severity="warning", markup=False)
        for screen in self.screen_stack:
            if isinstance(screen, Working):
                screen.show(self.overview)
        if self.overview.status is not None:
            titles = {goal.id: goal.title for goal in self.overview.goals}
            self.caller.show(self.overview.decisions, titles, self.overview.reading)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded:
            self.guard.arrived(event.key, event.time)
        elif isinstance(event, Paste) and not event.is_forwarded:
            self.guard.pasted(event.time)
        self.noticed(event)
        await super().on_event(event)

    def on_key(self, event: Key) -> None:
        """Comes right before the key is looked up in the bindings."""
        self.guard.acting(event.key, event.time)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return "operator"
