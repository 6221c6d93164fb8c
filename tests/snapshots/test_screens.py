"""Pictures of every screen and of the card at 80×24 and 140×40. Look at them before they are accepted."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import EngineUnavailable
from engine.settings import Settings
from tui.app import PilothouseApp, make_app
from tui.messages import Link
from tui.screens.base import Panel
from ui.frozen import NOON, FrozenEngine
from ui.hostile import poisoned
from ui.scenes import shop
from ui.steering import NARROW, WIDE, Seat

pytestmark = pytest.mark.allow_blocking(reason="the picture is drawn on the loop, once the screen stands still")
SIZES = {"80x24": NARROW, "140x40": WIDE}
Step = str | Callable[[Seat], Awaitable[None]]


def shows(*words: str) -> Callable[[Seat], Awaitable[None]]:
    async def wait(seat: Seat) -> None:
        await seat.shows(*words)

    return wait


async def awake(seat: Seat) -> None:
    await seat.awake()


async def stale(seat: Seat) -> None:
    gone = EngineUnavailable("no engine answers on .pilothouse/engine.sock")
    seat.engine.subscribe_error = gone
    seat.engine.drop(gone)
    await seat.until(lambda: seat.app.overview.link is Link.STALE)


SHIP_ROW = ("j", "j", "j", "j")
TREE = shows("human_approval", "login")
SCENES: dict[str, Sequence[Step]] = {
    "goals": (TREE,),
    "goals_at_a_gate": (TREE, *SHIP_ROW, shows("ship")),
    "details": (TREE, "j", "d", "]", shows("collecting")),
    "why": (TREE, *SHIP_ROW, "i", shows("its deadline is in 19m")),
    "diff": (TREE, *SHIP_ROW, "D", shows("file 2/2")),
    "search": (TREE, "slash", *"sm", shows("1 hit")),
    "cancel": (TREE, *SHIP_ROW, "x", shows("Cancel this task?")),
    "new_goal": (TREE, "n", shows("New goal")),
    "leaving": (TREE, "q", shows("Leave Pilothouse?")),
    "help": (TREE, "question_mark", shows("keys here")),
    "whole_map": (TREE, "question_mark", "?", shows("all keys")),
    "palette": (TREE, "ctrl+p", shows("goal g-7fk2")),
    "decisions": ("2", shows("42 passed"), awake),
    "staged": ("2", shows("42 passed"), "j", shows("Nightly features"), awake, "a", shows("takes effect in 5 s")),
    "card": (TREE, *SHIP_ROW, "a", shows("v2 · approval", "@@"), awake),
    "card_typed_id": ("2", shows("42 passed"), awake, "a", shows("first type d-32k9")),
    "card_reason": ("2", shows("42 passed"), awake, "r", shows("Reject, because"), *"too", "space", *"slow"),
    "logs": ("3", "enter", shows("test_59 PASSED")),
    "logs_paused": ("3", "enter", shows("test_59 PASSED"), "k", "k", "t", shows("PAUSED")),
    "sandboxes": ("5", shows("512M")),
    "stale": (TREE, stale),
}


def engine_of(scene: str) -> FrozenEngine:
    engine = shop()
    if scene == "goals":
        words = ("no Docker daemon answers: runs use the process driver",)
        engine.engine = engine.engine.model_copy(update={"notices": words})
    return engine


def app_and_drive(
    engine: FrozenEngine, steps: Sequence[Step]
) -> tuple[PilothouseApp, Callable[[Pilot[Any]], Awaitable[None]]]:
    clock = [NOON]
    app = make_app(engine, settings=Settings(), now=lambda: clock[0], blink=False)

    async def drive(pilot: Pilot[Any]) -> None:
        seat = Seat(app, pilot, engine)
        await seat.until(lambda: app.overview.link is Link.LIVE)
        for step in steps:
            if isinstance(step, str):
                await seat.press(step)
                await pilot.pause(0.03)  # what is beside the cursor is read as well
            else:
                await step(seat)
        if app.overview.link is Link.STALE:
            clock[0] = NOON + timedelta(seconds=41)
            app.deck.feed.set()
            assert isinstance(app.screen, Panel)
            app.screen.tick()  # every age is painted of this moment, also where nothing else was
        for field in app.screen.query(Input):
            field.cursor_blink = False  # the palette's own
        await seat.settle()
        await pilot.pause(0.05)

    return app, drive


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_screen(scene: str, size: str, snap_compare: Callable[..., bool]) -> None:
    app, drive = app_and_drive(engine_of(scene), SCENES[scene])
    assert snap_compare(app, terminal_size=SIZES[size], run_before=drive)


@pytest.mark.parametrize("size", SIZES)
def test_hostile_text(size: str, snap_compare: Callable[..., bool]) -> None:
    app, drive = app_and_drive(poisoned(), (shows("PWN"), "2", shows("␛", "a approve")))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=drive)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_yet(size: str, snap_compare: Callable[..., bool]) -> None:
    app, drive = app_and_drive(FrozenEngine(), (shows("no goals yet"),))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=drive)
