"""Foreign text steers nothing: not the terminal, not the app, wherever it is shown (cases 45 and 46)."""

import unicodedata
from functools import partial

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from engine.errors import Invalid
from engine.events import EventType
from tui.widgets.harmless import Harmless
from ui.hostile import ALL, CONTROL, MARKUP, poisoned
from ui.pieces import SHIP
from ui.steering import NARROW, WIDE, Seat, at_the_keys

WALK = [
    "down",
    "down",
    "down",
    "down",
    "d:DetailScreen|GoalsScreen",
    "right_square_bracket",
    "right_square_bracket",
    "1:GoalsScreen",
    "i:Reader",
    "escape:GoalsScreen",
    "D:DiffReader",
    "right_curly_bracket",
    "escape:GoalsScreen",
    "a:Card",
    "j",
    "}",
    "D:DiffReader",
    "escape:Card",
    "l:LogSheet",
    "escape:Card",
    "escape:GoalsScreen",
    "x:Confirm",
    "escape:GoalsScreen",
    "2:DecisionsScreen",
    "d:Card",
    "escape:DecisionsScreen",
    "i",
    "D:DiffReader",
    "escape:DecisionsScreen",
    "l:LogsScreen",
    "minus:DecisionsScreen",
    "3:LogsScreen",
    "w",
    "t",
    "f",
    "G",
    "enter:Reader",
    "escape:LogsScreen",
    "5:SandboxesScreen",
    "i:Reader",
    "escape:SandboxesScreen",
    "x:Confirm",
    "escape:SandboxesScreen",
    "question_mark:Help",
    "?",
    "escape:SandboxesScreen",
    "colon:CommandPalette",
    "escape:SandboxesScreen",
    "1:GoalsScreen",
    "slash",
    "p",
    "enter",
    "n",
    "escape",
]


def is_on(seat: Seat, names: list[str]) -> bool:
    screen = seat.app.screen
    return type(screen).__name__ in names and getattr(screen, "shown", True) is not None


async def walk(seat: Seat) -> None:
    """Press the keys; after the colon stands the screen each one leads to."""
    await seat.until(lambda: len(seat.app.overview.trees) == 2)
    await seat.settle()
    for step in WALK:
        key, _, names = step.partition(":")
        await seat.press(key)
        if names:
            await seat.until(partial(is_on, seat, names.split("|")))
        harmless(seat)


def harmless(seat: Seat) -> None:
    """Nothing unseen in what is painted, and no link or action on it but Textual's own."""
    for strip in seat.app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.control is None
            bad = [c for c in segment.text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
            assert not bad, f"{segment.text!r}"
            if segment.style is not None:
                assert segment.style.link is None
                assert "@click" not in (segment.style.meta or {})


TEXTS = {
    "control": CONTROL,
    "markup": MARKUP,
    "all": ALL,
    "empty": "",
    "bidi": "\u202e",
    "wide": "日本語" * 40,
    "joined": "e\u0301\u200d👩\u200d👧" * 9,
    "long": "x" * 5_000,
}


CASES = [(name, NARROW) for name in TEXTS] + [("all", WIDE), ("long", WIDE)]


@pytest.mark.parametrize(("name", "size"), CASES)
@pytest.mark.alone
async def test_case_45_case_46_every_screen_with_hostile_text(name: str, size: tuple[int, int]) -> None:
    engine = poisoned(TEXTS[name])
    async with at_the_keys(engine, size) as seat:
        harmless(seat)
        await walk(seat)
        assert seat.app.is_running
        assert seat.app.return_value is None
    assert [verb for verb, _ in engine.calls if verb in ("answer", "cancel", "stop")] == []


async def test_case_46_markup_is_shown_as_it_stands() -> None:
    async with at_the_keys(poisoned(MARKUP), WIDE) as seat:
        await seat.shows("[@click=app.quit]go[/] [/bold] [red]x[/red]")


async def test_decision_views_show_what_other_views_hide() -> None:
    async with at_the_keys(poisoned("ship\x1b[8m it\x1b[0m\u202e"), WIDE) as seat:
        assert "␛" not in seat.text
        await seat.press("2")
        await seat.shows("ship␛[8m it␛[0m‹202e›")


async def test_errors_and_events_with_hostile_text() -> None:
    engine = poisoned()

    def refuse(request: object) -> object:
        raise Invalid(ALL, hint=ALL)

    engine.on_create = refuse  # type: ignore[assignment]
    async with at_the_keys(engine, WIDE) as seat:
        engine.push(EventType.TASK_STARTED, goal=SHIP, task="t-x", key=ALL)
        await seat.press("n")
        await seat.shows("New goal")
        await seat.type(__file__)
        await seat.press("enter")
        await seat.until(lambda: "PWN" in seat.toasts)
        await seat.settle()
        harmless(seat)


def test_the_second_wall_stands_by_itself() -> None:
    style = Style(bold=True)
    wall = Harmless()
    ground = Color(0, 0, 0)
    fine = [Segment("fine", style)]
    assert wall.apply(fine, ground) is fine
    leaky = [Segment("a\x1b[2Jb", style), Segment("\x1b]0;t\x07", style, [(1,)]), Segment("c", style)]
    text = "".join(segment.text for segment in wall.apply(leaky, ground))
    assert "\x1b" not in text
    assert text.startswith("ab")
