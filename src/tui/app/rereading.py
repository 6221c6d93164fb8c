"""Settings of the screen that were saved while it is open: theme, keys, how it calls."""

import asyncio
from collections.abc import Callable

from engine.errors import Invalid
from engine.events import Event, EventType
from engine.settings import Settings
from tui.actions import check_keymap
from tui.app.calling import Calling
from tui.formats import clean
from tui.widgets.background import start


class Rereading(Calling):
    """Mixed into the app. Without a source it keeps what it began with: the engine is on another machine."""

    chosen_keys: dict[str, str]
    _source: Callable[[], Settings] | None = None
    _worn: Settings

    def begin_rereading(self, settings: Settings, source: Callable[[], Settings] | None) -> None:
        self._worn, self._source = settings, source

    def reread_after(self, event: Event) -> None:
        """The engine tells that files of settings are other ones; a broken one changes nothing here either."""
        told = event.type is EventType.ENGINE_SETTINGS and event.data.get("by") == "files"
        if told and not event.data.get("message") and self._source is not None:
            start(self, self._reread, self._source, group="settings", exclusive=True)

    async def _reread(self, source: Callable[[], Settings]) -> None:
        try:
            settings = await asyncio.to_thread(source)
            self._take_over(settings)
        except Invalid as error:
            self.notify(clean(f"{error.message}\n{error.hint}")[:2_000], severity="error", markup=False, timeout=8)

    def _take_over(self, settings: Settings) -> None:
        """Raises Invalid for a theme or keys that cannot be; what came before them is taken over."""
        before, self._worn = self._worn, settings
        self.caller.settings = settings.notify
        if settings.ui.keymap != before.ui.keymap:
            self.chosen_keys = check_keymap(settings.ui.keymap)
            self.set_keymap(self.chosen_keys)
        if settings.ui.theme != before.ui.theme:
            self.wear(settings.ui.theme)

    def wear(self, theme: str) -> None:
        """Raises Invalid for a theme that is none."""
        if theme not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            raise Invalid(f"ui.theme: no theme is called {theme!r}", hint=f"there are: {known}")
        self.theme = theme
