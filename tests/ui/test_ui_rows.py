"""The cursor stays on its id through any change, and the viewport stays where it is (R121)."""

import random
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from engine.events import EventType
from engine.model import TaskState
from tui.themes import PILOTHOUSE, Line, Tone
from tui.widgets.rows import Rows
from ui.pieces import D_SHIP, NIGHT, SHIP, decision, node
from ui.scenes import shop
from ui.steering import at_the_keys


class Names(Rows):
    painted = 0

    def row(self, ref: str, width: int) -> Line:
        self.painted += 1
        return [(ref, Tone.PLAIN)]


class Shelf(App[None]):
    def compose(self) -> ComposeResult:
        yield Names()

    def on_mount(self) -> None:
        self.register_theme(PILOTHOUSE)
        self.theme = "pilothouse"


async def on_shelf(check: Callable[[Names], None]) -> None:
    app = Shelf()
    async with app.run_test(size=(30, 10)):
        check(app.query_one(Names))


async def test_a_cursor_that_moves_in_the_view_paints_two_lines() -> None:
    app = Shelf()
    async with app.run_test(size=(30, 10)) as pilot:
        rows = app.query_one(Names)
        rows.set_ids([str(n) for n in range(8)])
        rows.focus()
        await pilot.pause()
        rows.painted = 0
        await pilot.press("down")
        await pilot.pause()
        assert (rows.cursor, rows.painted) == ("1", 2)


LISTS = st.lists(st.integers(0, 40).map(str), max_size=40, unique=True)


@given(first=LISTS, later=st.lists(LISTS, max_size=6), steps=st.lists(st.integers(-5, 30), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_r121_the_cursor_stays_on_its_id(first: list[str], later: list[list[str]], steps: list[int]) -> None:
    def check(rows: Names) -> None:
        rows.set_ids(first)
        for n, ids in enumerate(later):
            rows._move(rows._cursor + (steps[n] if n < len(steps) else 1))
            before, place = rows.cursor, rows._cursor - round(rows.scroll_y)
            rows.set_ids(ids)
            if before in ids:
                assert rows.cursor == before
                room_above, room_below = rows._cursor >= place, len(ids) - rows._cursor > 10 - place
                if room_above and room_below:
                    assert rows._cursor - round(rows.scroll_y) == place, "its place on the screen stays too"
            else:
                assert (rows.cursor is None) == (not ids)

    await on_shelf(check)


async def test_r121_a_row_that_goes_hands_the_cursor_to_its_neighbour() -> None:
    def check(rows: Names) -> None:
        rows.set_ids(["a", "b", "c", "d"])
        rows.go("c")
        rows.set_ids(["a", "b", "d"])
        assert rows.cursor == "d"
        rows.set_ids(["a", "b"])
        assert rows.cursor == "b"
        rows.set_ids([])
        assert rows.cursor is None

    await on_shelf(check)


async def test_r121_unrelated_news_moves_nothing_in_the_tree() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await seat.shows("human_approval")
        await seat.press(*"jjjjjjjj")
        tree = seat.app.screen.query_one("#tree", Rows)
        assert tree.cursor == "t-export0000"
        shuffled = random.Random(4)
        for n in range(6):
            children = list(engine.trees[SHIP].children)
            shuffled.shuffle(children)
            grown = (*children, node(f"t-new{n}000000", f"new-{n}", TaskState.PENDING))
            engine.trees[SHIP] = engine.trees[SHIP].model_copy(update={"children": grown})
            engine.push(EventType.TASK_PENDING, goal=SHIP)
            await seat.shows(f"new-{n}")
            assert tree.cursor == "t-export0000"


async def test_r121_new_decisions_are_announced_and_merged_by_a_key() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.shows("Is the export right?")
        await seat.press("j")
        urgent = "d-00urgent00"
        engine.cards[urgent] = engine.cards[D_SHIP].model_copy(update={"decision": decision(urgent, "Is it on fire?")})
        engine.order.insert(0, urgent)
        engine.push(EventType.DECISION_OPENED, goal=NIGHT)
        await seat.shows("1 new: . merges")
        queue = seat.app.screen.query_one("#list", Rows)
        assert "on fire" not in seat.text
        assert queue.cursor == engine.order[2]
        await seat.press("full_stop")
        await seat.shows("Is it on fire?")
        assert queue.cursor == engine.order[2], "the cursor stays on its id"
        assert list(queue.ids) == engine.order
