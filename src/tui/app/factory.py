"""The one factory of the app: for the command line, the tests and the snapshots."""

from collections.abc import Callable
from datetime import UTC, datetime

from engine.api import Engine
from engine.settings import Settings
from tui.app.pilothouse import PilothouseApp


def make_app(
    engine: Engine,
    *,
    settings: Settings,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    remote: bool = False,
    reread: Callable[[], Settings] | None = None,
    blink: bool = True,
    at: str | None = None,
) -> PilothouseApp:
    """The app over an engine. `remote`: the engine belongs to somebody else; `blink` False: nothing moves by itself;
    `reread`: the settings of this machine as they are at that moment; `at`: the goal the cursor begins on.

    Raises Invalid for an unknown theme or a keymap that cannot be.
    """
    return PilothouseApp(engine, settings, now, remote=remote, blink=blink, reread=reread, at=at)
