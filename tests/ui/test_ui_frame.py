"""The frame of every screen: header, hints, help, palette, sizes, themes, colours, a screen without an engine."""

import random
from datetime import timedelta

import pytest

from engine.api import NextStart
from engine.errors import Invalid
from engine.settings import Settings, UiSettings
from tui.actions import Scope, in_scope
from tui.app import PilothouseApp, make_app
from tui.screens.goals import GoalsScreen
from tui.screens.help import Help
from ui.frozen import NOON, FrozenEngine
from ui.pieces import SHIP
from ui.scenes import shop
from ui.steering import NARROW, WIDE, Seat, at_the_keys


async def test_the_header_tells_the_engine_at_a_glance() -> None:
    async with at_the_keys(shop()) as seat:
        for words in ("shop", "dispatch on", "runs 1/4", "waits 1", "!2, oldest 41m", "live 14:20:07", "Decisions !2"):
            assert words in seat.text
    async with at_the_keys(shop(), WIDE) as seat:
        for words in ("decisions 2, oldest 41m", "sandboxes 1 docker", "seq 18233"):
            assert words in seat.text


async def test_f16_the_header_tells_the_next_start_of_a_schedule() -> None:
    coming = NextStart(schedule="nightly", at=NOON + timedelta(hours=7, minutes=40))
    engine = FrozenEngine()
    engine.engine = engine.engine.model_copy(update={"next_start": coming})
    async with at_the_keys(engine) as seat:
        await seat.shows("next nightly in 7h 40m")
    busy = shop()
    busy.engine = busy.engine.model_copy(update={"next_start": coming})
    async with at_the_keys(busy) as seat:
        assert "next nightly" not in seat.text  # what waits for a person has the room
    async with at_the_keys(busy, WIDE) as seat:
        await seat.shows("next nightly in 7h 40m")


async def test_an_empty_project_says_what_to_do() -> None:
    async with at_the_keys(FrozenEngine()) as seat:
        await seat.shows("no goals yet: n reads a goal file")
        await seat.press("i", "l", "D", "x", "a", "o", "h", "right", "@", "#", "enter")
        await seat.press("2")
        await seat.shows("nothing waits for you")
        await seat.press("a", "r", "c", "d", "enter", "D", "l", "i")
        await seat.press("3")
        await seat.shows("nothing has run yet")
        await seat.press("enter", "5", "l", "i", "x", "enter")
        await seat.shows("nothing is alive")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_hints_are_what_is_possible_and_at_most_eight_at_80_columns(size: tuple[int, int]) -> None:
    async with at_the_keys(shop(), size) as seat:
        await seat.shows("human_approval")
        for key in ("1", "2", "3", "5"):
            await seat.press(key)
            last = seat.text.splitlines()[-1]
            assert last.rstrip().endswith("? help")
            if size == NARROW:
                assert len([hint for hint in last.split("  ") if hint.strip()]) <= 8
        await seat.press("1", "g")
        await seat.until(lambda: "x cancel" in seat.text.splitlines()[-1])
        await seat.press("j")
        await seat.until(lambda: "x cancel" not in seat.text.splitlines()[-1])


async def test_help_shows_this_screen_then_the_whole_map_filters_and_runs() -> None:
    async with at_the_keys(shop(), WIDE) as seat:
        await seat.shows("human_approval")
        await seat.press("question_mark")
        await seat.shows("keys here", "the proof of what holds it", "pilothouse why", "asks first")
        assert "let it through" not in seat.text
        await seat.press("?")
        await seat.shows("all keys")
        await seat.type("let it through")
        await seat.shows("decisions", "card")
        await seat.press(*["backspace"] * 14, "?")
        await seat.shows("keys here")
        await seat.type("goals.human")
        await seat.press("enter")
        await seat.until(lambda: not isinstance(seat.app.screen, Help))
        await seat.settle()
        assert seat.app.screen.goals.cursor == "t-ship000000"  # type: ignore[attr-defined]


async def test_help_lists_every_action_of_the_table() -> None:
    async with at_the_keys(shop()) as seat:
        await seat.press("question_mark", "?")
        await seat.shows("all keys")
        rows = seat.app.screen.query_one("#help-rows").ids  # type: ignore[attr-defined]
        assert sorted(rows) == sorted(action.id for scope in Scope for action in in_scope(scope))


async def test_the_palette_runs_actions_and_goes_to_goals_and_decisions() -> None:
    async with at_the_keys(shop(), WIDE) as seat:
        await seat.shows("human_approval")
        await seat.press("G", "ctrl+p")
        await seat.shows("Search for commands", "next failed", "goal g-7fk2")
        await seat.type("Ship the greeting")
        await seat.shows("goal g-7fk2  Ship the greeting")
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, GoalsScreen) and seat.app.screen.goals.cursor == SHIP)
        await seat.press(":")
        await seat.shows("Search for commands")
        await seat.type("decision d-32k9")
        await seat.shows("decision d-32k9  Ship it?")
        await seat.press("enter")
        await seat.shows("d-32k9 v2 · approval")


async def test_a_modal_knows_help_and_its_own_keys_only() -> None:
    async with at_the_keys(shop()) as seat:
        await seat.shows("human_approval")
        await seat.press("j", "j", "j", "j", "a")
        await seat.shows("d-32k9 v2 · approval")
        await seat.press("1", "2", "3", ":", "ctrl+p", "y", "u")
        assert "d-32k9 v2 · approval" in seat.text
        await seat.press("?")
        await seat.shows("keys here")
        await seat.press("escape", "escape")
        await seat.shows("live 14:20:07")


async def test_a_storm_of_sizes_harms_nothing() -> None:
    shuffled = random.Random(7)
    async with at_the_keys(shop(), WIDE) as seat:
        await seat.shows("human_approval")
        for keys in (
            (),
            ("2",),
            ("d",),
            ("escape", "3", "enter"),
            ("w",),
            ("5",),
            ("question_mark",),
            ("escape", "1", "x"),
        ):
            await seat.press(*keys)
            for _ in range(2):
                await seat.pilot.resize_terminal(shuffled.randint(1, 200), shuffled.randint(1, 60))
        for size in ((1, 1), (2, 2), (20, 5), (80, 24), (300, 100), (140, 40)):
            await seat.pilot.resize_terminal(*size)
        await seat.press("escape")
        await seat.shows("human_approval", "Overview")


async def test_the_detail_pane_comes_and_goes_with_the_width() -> None:
    async with at_the_keys(shop(), WIDE) as seat:
        await seat.shows("Overview", "progress  ")
        await seat.pilot.resize_terminal(*NARROW)
        await seat.until(lambda: "Overview" not in seat.text)
        await seat.shows("Ship the greeting is waiting")
        await seat.pilot.resize_terminal(*WIDE)
        await seat.shows("Overview")


async def test_without_colour_the_cursor_and_states_are_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with at_the_keys(shop()) as seat:
        await seat.shows("human_approval")
        assert "▌ ▾ ◆ Ship the greeting" in seat.text
        for strip in seat.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    triplet = colour.get_truecolor() if colour is not None else None
                    assert triplet is None or max(triplet) - min(triplet) <= 1, "grey only"


@pytest.mark.parametrize("theme", ["pilothouse", "textual-light", "nord", "gruvbox"])
async def test_every_screen_under_other_themes(theme: str) -> None:
    app = make_app(shop(), settings=Settings(ui=UiSettings(theme=theme)), now=lambda: NOON, blink=False)
    async with app.run_test(size=WIDE) as pilot:
        seat = Seat(app, pilot, shop())
        await seat.shows("human_approval")
        await seat.press("j", "2")
        await seat.shows("Ship it?", "who = argv[1]")
        await seat.press("3")
        await seat.shows("FOLLOWING")


def test_an_unknown_theme_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match="no theme is called 'sepia'"):
        make_app(shop(), settings=Settings(ui=UiSettings(theme="sepia")))


async def test_the_mouse_chooses_and_opens_but_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        PilothouseApp, "CLICK_CHAIN_TIME_THRESHOLD", 60.0
    )  # two clicks are one pair on a slow machine, too
    engine = shop()
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.shows("Is the export right?")
        await seat.awake()
        await seat.pilot.click("#list", offset=(10, 1))
        await seat.until(lambda: "Nightly features" in seat.text)
        await seat.pilot.click("#list", offset=(10, 1), times=2)
        await seat.shows("d-31pp v2 · review")
        await seat.pilot.click("#card-hints")
        await seat.pilot.click("#back")
        await seat.until(lambda: len(seat.app.screen_stack) == 1)
    assert engine.named("answer") == []
