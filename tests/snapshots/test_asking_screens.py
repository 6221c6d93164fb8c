"""Pictures of everything that may be asked and of what is done with decisions, at 80×24 and 140×40."""

from collections.abc import Callable, Sequence

import pytest
from test_screens import Step, app_and_drive, awake, shows

from ui.asking_scenes import alike, choice, crowded, form, money, only, permission, put_off, remembered, tried
from ui.frozen import FrozenEngine
from ui.steering import NARROW, WIDE, Seat

pytestmark = pytest.mark.allow_blocking(reason="the picture is drawn on the loop, once the screen stands still")
SIZES = {"80x24": NARROW, "140x40": WIDE}


async def chosen(seat: Seat) -> None:
    await seat.awake()
    await seat.press("2")
    await seat.shows("chosen: green")


async def written(seat: Seat) -> None:
    """Most of the form, with two fields that do not fit."""
    await seat.type("Faster start")
    await seat.press("tab")
    await seat.type("two")
    await seat.press("tab", "tab", "space")
    await seat.alone()
    await seat.press("ctrl+j")
    await seat.shows("a whole number", "it must be filled in", "yes")


async def marked(seat: Seat) -> None:
    await seat.press("space", "j", "space", "j", "space")
    await seat.shows("a approve")
    await seat.press("b")
    await seat.shows("batch of 3", "make lint")


SCENES: dict[str, tuple[Callable[[], FrozenEngine], Sequence[Step]]] = {
    "choice": (lambda: only(choice()), ("2", shows("Which colour"), "d", shows("v2 · choice"), chosen)),
    "form_card": (lambda: only(form()), ("2", shows("What stands"), "d", shows("v2 · form"), awake)),
    "form": (lambda: only(form()), ("2", shows("Release note"), awake, "a", shows("Fill in"), written)),
    "permission": (lambda: only(permission()), ("2", shows("Bash"), "d", shows("v2 · permission"), awake)),
    "budget": (lambda: only(money()), ("2", shows("budget"), "d", shows("v2 · budget"), awake)),
    "snooze": (put_off, ("2", shows("put off"), awake, "z", shows("Until news"))),
    "batch": (alike, ("2", shows("make test"), marked)),
    "rule": (tried, ("2", shows("make test"), awake, "A", shows("14 approved"))),
    "history": (remembered, ("2", shows("Ship it?"), shows("a approve"), "H", shows("under 2 s"))),
    "everything_around": (crowded, ("2", shows("Ship it?"), "d", shows("v2 · approval", "a second name"), awake)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_asking(scene: str, size: str, snap_compare: Callable[..., bool]) -> None:
    make, steps = SCENES[scene]
    app, drive = app_and_drive(make(), steps)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=drive)
