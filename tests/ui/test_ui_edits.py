"""A goal under way is changed by key: priority, needs, words, new tasks (F8)."""

from typing import Any

import pytest
from textual.widgets import Input, TextArea

from engine.api.edits import AddTasks, TaskEdit
from engine.errors import InvalidGoalFile
from engine.model import TaskState
from tui.formats import Sheet, read_sheet, written_sheet
from ui.frozen import FrozenEngine
from ui.pieces import SHIP
from ui.scenes import shop
from ui.steering import Seat, at_the_keys
from ui.test_ui_orders import on

PENDING, RUNS, GROUP = "t-search00000", "t-login00000", "t-checks0000"


def edits(engine: FrozenEngine) -> list[Any]:
    return list(engine.named("edit_task"))


def pending(engine: FrozenEngine) -> str:
    """A task that waits for its turn."""
    return next(ref for ref, task in engine.tasks.items() if task.state is TaskState.PENDING)


async def test_brackets_lower_and_raise_the_priority_of_the_task_under_the_cursor() -> None:
    engine = shop()
    ref = pending(engine)
    async with at_the_keys(engine) as seat:
        await on(seat, ref)
        await seat.press("]")
        await seat.until(lambda: engine.tasks[ref].priority == 1)
        await seat.until(lambda: "priority 1" in seat.toasts)
        await seat.press("[")
        await seat.until(lambda: engine.tasks[ref].priority == 0)
        assert [edit.version for _, edit in edits(engine)] == [3, 4], "each at the version that was read"
        await on(seat, "t-build00000")
        await seat.press("]", "b", "e")
        assert len(edits(engine)) == 2, "what is done is read-only"


async def test_a_priority_at_its_bound_says_so_and_the_screen_lives() -> None:
    engine = shop()
    ref = pending(engine)
    engine.tasks[ref] = engine.tasks[ref].model_copy(update={"priority": 1000})
    async with at_the_keys(engine) as seat:
        await on(seat, ref)
        await seat.press("]")
        await seat.until(lambda: "priority: Input should be less than or equal to 1000" in seat.toasts)
        await seat.press("[")
        await seat.until(lambda: engine.tasks[ref].priority == 999)


async def test_b_shows_the_needs_and_sends_what_is_left_of_them() -> None:
    engine = shop()
    ref = pending(engine)
    engine.tasks[ref] = engine.tasks[ref].model_copy(update={"needs": (("build", TaskState.DONE),)})
    async with at_the_keys(engine) as seat:
        await on(seat, ref)
        await seat.press("b")
        await seat.until(lambda: list(seat.app.screen.query(Input)))
        assert seat.app.screen.query_one(Input).value == "build"
        seat.app.screen.query_one(Input).value = "build, write"
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.until(lambda: edits(engine))
        assert edits(engine)[0][1] == TaskEdit(needs=("build", "write"), version=3, by=seat.app.deck.operator)


async def test_e_sends_only_what_was_changed_and_asks_again_for_what_cannot_be_read() -> None:
    engine = shop()
    ref = pending(engine)
    async with at_the_keys(engine) as seat:
        await on(seat, ref)
        await seat.press("e")
        area = await text_area(seat)
        area.text = area.text.replace("priority = 0", "priority = high")
        await sent(seat)
        await seat.shows("not readable")
        area = await text_area(seat)
        assert "priority = high" in area.text, "what was written is still there"
        area.text = area.text.replace("priority = high", "priority = 7")
        await sent(seat)
        await seat.until(lambda: edits(engine))
        assert edits(engine)[0][1] == TaskEdit(priority=7, version=3, by=seat.app.deck.operator)
        await seat.until(lambda: len(seat.app.screen_stack) == 1)
        await seat.press("e")
        await text_area(seat)
        await sent(seat)
        await seat.until(lambda: "nothing has changed" in seat.toasts)
        assert len(edits(engine)) == 1


async def test_capital_n_adds_tasks_where_the_cursor_is_and_keeps_what_was_refused() -> None:
    engine = shop()
    engine.objections.append(InvalidGoalFile("line:2: `run` is empty; give it a value\nline:3: more"))
    async with at_the_keys(engine) as seat:
        await on(seat, SHIP)
        await seat.press("N")
        (await text_area(seat)).text = "- id: x\n  run:\n"
        await sent(seat)
        await seat.shows("line:2: `run` is empty")
        area = await text_area(seat)
        area.text += "\n"
        await sent(seat)
        await seat.until(lambda: "root has new" in seat.toasts)
        first, second = orders(engine)
        assert (first[0], first[1].parent, second[1].source) == (SHIP, None, "- id: x\n  run:\n\n")
        ref = pending(engine)
        await on(seat, ref)
        await seat.press("N")
        await text_area(seat)
        await sent(seat)
        await seat.until(lambda: len(orders(engine)) == 3)
        assert (orders(engine)[2][1].after, engine.tasks[ref].goal) == (ref, orders(engine)[2][0])


def orders(engine: FrozenEngine) -> list[tuple[str, AddTasks]]:
    return list(engine.named("add_tasks"))  # type: ignore[arg-type]  # what add_tasks was called with


async def text_area(seat: Seat) -> TextArea:
    await seat.until(lambda: list(seat.app.screen.query(TextArea)))
    return seat.app.screen.query_one(TextArea)


async def sent(seat: Seat) -> None:
    """Send the form on top, and wait until it has gone."""
    form = seat.app.screen
    await seat.alone()
    await seat.press("ctrl+j")
    await seat.until(lambda: seat.app.screen is not form)


@pytest.mark.parametrize("text", ["", "plain", 'a "quoted" \\ word', "two\nlines\n\nmore", "tab\tdel\x7f é 🧭", '"""'])
def test_a_sheet_comes_back_as_it_was_written(text: str) -> None:
    sheet = Sheet("t " + text.replace("\n", " ").strip(), text.strip(), -3, ("a", "b.c"))
    read = read_sheet(written_sheet("key", sheet))
    assert read == Sheet(sheet.title.strip(), sheet.description, -3, ("a", "b.c"))


@pytest.mark.parametrize(
    "text",
    ["title =", "title = ''", "x = 1\ntitle = 'a'", "title = 'a'\npriority = 9999", "title = 'a'\nneeds = 'b'",
     "title = 'a'\npriority = true", "title = 'a'\ndescription = 3"],
)  # fmt: skip
def test_a_sheet_that_cannot_be_used_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        read_sheet(text)
