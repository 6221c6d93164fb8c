"""How tests sit at the keys: open the app over a FrozenEngine, wait for what it shows, press, read the screen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic
from typing import Any

from textual._context import visible_screen_stack
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from engine.settings import Settings, UiSettings
from tui.actions.press import AWAKE_AFTER, REPEAT
from tui.app import PilothouseApp, make_app
from tui.messages import Link
from tui.screens.deciding import Deciding
from tui.screens.weighed import Weighed
from ui.frozen import NOON, FrozenEngine

NARROW, WIDE = (80, 24), (140, 40)


@asynccontextmanager
async def at_the_keys(
    engine: FrozenEngine,
    size: tuple[int, int] = NARROW,
    *,
    now: Callable[[], datetime] = lambda: NOON,
    keymap: dict[str, str] | None = None,
    remote: bool = False,
    at: str | None = None,
) -> AsyncIterator["Seat"]:
    """The app, once it is live."""
    settings = Settings(ui=UiSettings(keymap=keymap or {}))
    app = make_app(engine, settings=settings, now=now, remote=remote, blink=False, at=at)
    async with app.run_test(size=size) as pilot:
        seat = Seat(app, pilot, engine)
        if engine.subscribe_error is None:
            await seat.until(lambda: app.overview.link is Link.LIVE)
        await seat.settle()
        yield seat


class Seat:
    """One running app."""

    def __init__(self, app: PilothouseApp, pilot: Pilot[Any], engine: FrozenEngine) -> None:
        self.app = app
        self.pilot = pilot
        self.engine = engine

    async def until(self, true: Callable[[], object], seconds: float = 15.0) -> None:
        """Wait until it is so; fails with the screen when it never is."""
        loop_end = self.app._loop.time() + seconds if self.app._loop else 0
        while not true():
            assert self.app._loop is not None
            if self.app._loop.time() > loop_end:
                raise AssertionError(f"never came true on this screen:\n{self.text}")
            await self.pilot.pause(0.01)

    async def shows(self, *words: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(word in self.text for word in words))

    async def press(self, *keys: str, at: float | None = None) -> None:
        """Keys as a driver sends them, each looked up before the next one comes; `at` as in `send`."""
        for key in keys:
            self.send(key, at)
            await self.settle()

    def send(self, key: str, at: float | None = None) -> None:
        """One key, not waited for. `at`: the monotonic second it is said to have come at, where what is tested is how
        long that was after something else; however slow the machine is, it was then so long and no longer."""
        name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
        character = key if len(key) == 1 else {"space": " ", "enter": "\r", "ctrl+j": "\n"}.get(key)
        event = Key(name, character)
        event.time = event.time if at is None else at
        self.app.post_message(event)

    def later(self) -> float:
        """A moment by which all that is painted in the next seconds has been on the screen for long."""
        return monotonic() + 60.0

    async def settle(self) -> None:
        """Wait until every message that is under way has been handled."""
        for _ in range(3):
            await self.pilot._wait_for_screen()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def alone(self) -> None:
        """Let the moment pass in which keys count as one stream."""
        await self.pilot.pause(0.07)

    async def released(self) -> None:
        """Let the time pass in which the same key again counts as held."""
        await self.pilot.pause(REPEAT + 0.02)

    async def awake(self) -> None:
        """Wait until the painted decision's keys have woken."""

        def is_awake() -> bool:
            at = self._painted_at()
            return at is not None and monotonic() - at > AWAKE_AFTER + 0.01

        await self.until(is_awake)

    async def still_asleep(self) -> float:
        """Wait until something to decide is painted; a moment at which its keys slept."""
        await self.until(lambda: self._painted_at() is not None)
        at = self._painted_at()
        assert at is not None
        return at + AWAKE_AFTER / 2

    def _painted_at(self) -> float | None:
        screen = self.app.screen
        if isinstance(screen, Weighed):
            return screen.painted_at
        return screen.shown.at if isinstance(screen, Deciding) and screen.shown is not None else None

    @property
    def text(self) -> str:
        """What stands on the screen: drawn with what lies below, as a picture of it later takes what was drawn."""
        visible_screen_stack.set(self.app._background_screens)
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def toasts(self) -> str:
        return "\n".join(str(note.message) for note in self.app._notifications)
