"""The tree of goals: folding, going to what needs attention, searching, details, a new goal."""

from pathlib import Path

import pytest

from engine.api import CreateGoal, GoalView
from engine.errors import InvalidGoalFile
from engine.events import EventType
from engine.model import GoalState, TaskState
from tui.screens.card import Card
from tui.screens.detail import DetailScreen
from tui.screens.goals import GoalsScreen
from tui.screens.logs import LogsScreen
from tui.widgets.goal_tree import GoalTree
from ui.pieces import NIGHT, OLD, SHIP, goal, node
from ui.scenes import shop
from ui.steering import NARROW, WIDE, Seat, at_the_keys


def tree(seat: Seat) -> GoalTree:
    return seat.app.screen.query_one(GoalTree)


async def laid_out(seat: Seat) -> None:
    await seat.until(lambda: len(seat.app.overview.trees) == 2)
    await seat.shows("human_approval", "login")


async def test_rows_say_state_in_a_glyph_and_a_word_with_progress_and_age() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        for words in (
            "◆ Ship the greeting",
            "!1 waiting   ━━━━━━━━╌╌ 5/6         52m",
            "▶ login",
            "running   #1  2m",
            "pending   #2 in 30s: backoff",
            "review    d-31pp!  6m",
            "✗ smoke",
            "blocked   needs smoke, which failed",
            "– docs",
            "skipped",
            "cancelled by operator",
            "done      3/3",
            "waiting   d-32k9!  41m  due in 19m",
        ):
            assert words in seat.text, words


async def test_a_screen_that_was_opened_on_a_goal_begins_with_the_cursor_there() -> None:
    async with at_the_keys(shop(), at=NIGHT) as seat:
        await laid_out(seat)
        await seat.until(lambda: tree(seat).cursor == NIGHT)
        await seat.press("k")
        assert tree(seat).cursor != NIGHT, "the cursor is the reader's from then on"


async def test_trees_come_when_a_goal_is_unfolded() -> None:
    engine = shop()
    engine.trees[OLD] = node(
        OLD, "old", TaskState.FAILED, kind="goal", children=(node("t-deploy0000", "rollout", TaskState.DONE),)
    )
    async with at_the_keys(engine) as seat:
        await laid_out(seat)
        assert OLD not in engine.named("tree"), "what has ended is folded and not read"
        await seat.press("G", "right")
        await seat.shows("rollout")
        assert OLD in engine.named("tree")
        await seat.press("j", "h")
        assert tree(seat).cursor == OLD, "h goes to the parent"
        await seat.press("h")
        await seat.until(lambda: "rollout" not in seat.text)


async def test_folding_keys() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        await seat.press("j", "j", "o")
        await seat.shows("lint", "types", "tests")
        await seat.press("o")
        await seat.until(lambda: "lint" not in seat.text)
        await seat.press("g", "O")
        await seat.until(lambda: "human_approval" not in seat.text)
        await seat.press("O")
        await seat.shows("human_approval", "lint")


async def test_what_one_has_seen_open_stays_open_when_it_ends() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await laid_out(seat)
        await seat.press("j", "j", "j", "j")
        engine.goals[SHIP] = goal(SHIP, "Ship the greeting", state=GoalState.DONE, progress=(6, 6))
        engine.push(EventType.GOAL_ENDED, goal=SHIP)
        await seat.shows("✓ Ship the greeting", "6/6")
        assert tree(seat).cursor == "t-ship000000"
        assert "human_approval" in seat.text


async def test_next_one_that_waits_for_a_human_and_next_that_failed() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        for key, ref in (
            ("@", "t-ship000000"),
            ("@", "t-export0000"),
            ("@", "t-ship000000"),
            ("#", "t-smoke00000"),
            ("#", "t-mail000000"),
        ):
            await seat.press(key)
            assert tree(seat).cursor == ref


async def test_search_finds_folded_ones_and_n_is_new_only_without_a_search() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        await seat.press("slash")
        await seat.type("t")
        await seat.shows("hits")
        await seat.type("ypes")
        await seat.shows("/types: 1 hit")
        await seat.press("enter")
        assert tree(seat).cursor == "t-types0000"
        await seat.press("n", "N")
        assert isinstance(seat.app.screen, GoalsScreen)
        assert tree(seat).cursor == "t-types0000"
        await seat.press("escape", "n")
        await seat.shows("New goal from a goal file")


async def test_details_stand_beside_the_tree_where_there_is_room() -> None:
    async with at_the_keys(shop(), WIDE) as seat:
        await laid_out(seat)
        await seat.shows("progress  ", "branch    pilothouse/g-7fk2m0q7xw")
        await seat.press("j", "j", "j", "j")
        await seat.shows("waits for a human to answer d-32k9", "needs     ✓ checks  ✓ write", "○ publish")
        await seat.press("g", "j")
        await seat.shows("done: exit 0 after 41s", "memory 512M, cpus 1, pids 512")
        await seat.press("enter", "]")
        await seat.shows("42 passed in 3.10s", "ended")
        await seat.press("]")
        await seat.shows("#1  exit 0")
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, LogsScreen))


async def test_details_are_a_screen_of_their_own_at_80_columns() -> None:
    engine = shop()
    async with at_the_keys(engine, NARROW) as seat:
        await laid_out(seat)
        assert "Ship the greeting is waiting: Ship it? (d-32k9)" in seat.text
        await seat.press("j", "j", "j", "j", "d")
        await seat.until(lambda: isinstance(seat.app.screen, DetailScreen))
        await seat.shows("waits for a human to answer d-32k9", "a answer")
        await seat.press("a")
        await seat.until(lambda: isinstance(seat.app.screen, Card))
        await seat.press("escape")
        await seat.shows("waits for a human to answer d-32k9")
        await seat.press("1")
        assert isinstance(seat.app.screen, GoalsScreen)


@pytest.mark.parametrize(
    ("key", "words"), [("i", "why ship"), ("D", "src/hello.py +3 −2"), ("a", "d-32k9 v2 · approval")]
)
async def test_keys_of_a_node_open_what_they_say(key: str, words: str) -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        await seat.press("j", "j", "j", "j", key)
        await seat.shows(words)


async def test_logs_of_a_node_open_on_their_screen_and_minus_comes_back() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        await seat.press("j", "l")
        await seat.shows("42 passed in 3.10s", "build #1")
        await seat.press("minus")
        await seat.shows("human_approval")
        assert tree(seat).cursor == "t-build00000"


async def test_a_new_goal_is_read_created_and_under_the_cursor(tmp_path: Path) -> None:
    engine = shop()
    file = tmp_path / "goal.yaml"
    file.write_text("goal: Tidy up\nrun: echo tidy\n", encoding="utf-8")

    def create(request: CreateGoal) -> GoalView:
        engine.goals["g-tidy000000"] = goal("g-tidy000000", "Tidy up")
        engine.push(EventType.GOAL_CREATED, goal="g-tidy000000")
        return engine.goals["g-tidy000000"]

    engine.on_create = create
    async with at_the_keys(engine) as seat:
        await laid_out(seat)
        await seat.press("n")
        await seat.shows("New goal")
        await seat.type(str(file))
        await seat.press("enter")
        await seat.until(lambda: tree(seat).cursor == "g-tidy000000")
    [request] = engine.named("create_goal")
    assert isinstance(request, CreateGoal)
    assert (request.source, request.path) == (file.read_text(encoding="utf-8"), str(file))


async def test_what_is_wrong_with_a_goal_file_is_shown_with_its_line(tmp_path: Path) -> None:
    engine = shop()
    file = tmp_path / "goal.yaml"
    file.write_text("goal: [", encoding="utf-8")

    def refuse(request: CreateGoal) -> GoalView:
        raise InvalidGoalFile(
            f"{request.path}:1: this list has no end\n{request.path}:7: unknown key `taks`", hint="write tasks:"
        )

    engine.on_create = refuse
    async with at_the_keys(engine, WIDE) as seat:
        await laid_out(seat)
        await seat.press("n")
        await seat.shows("New goal")
        await seat.type(str(tmp_path / "absent.yaml"))
        await seat.press("enter")
        await seat.until(lambda: "No such file" in seat.toasts)
        await seat.shows("New goal")
        await seat.press("ctrl+u")
        await seat.type(str(file))
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.shows(
            "not a goal file", "goal.yaml:1: this list has no end", "goal.yaml:7: unknown key `taks`", "write tasks:"
        )


async def test_values_and_commands_are_copied() -> None:
    async with at_the_keys(shop()) as seat:
        await laid_out(seat)
        await seat.press("j", "y")
        assert seat.app.clipboard == "t-build00000"
        await seat.press("Y")
        assert seat.app.clipboard == "pilothouse why t-build00000"
        await seat.press("2")
        await seat.shows("Ship it?")
        await seat.press("Y")
        assert seat.app.clipboard == "pilothouse decide d-32k9m1xwzq approve --version 2"


async def test_ten_thousand_tasks_are_walked_without_a_held_loop() -> None:
    engine = shop()
    children = tuple(node(f"t-{n:010}", f"task-{n}", TaskState.PENDING) for n in range(10_000))
    engine.trees[NIGHT] = node(NIGHT, "nightly", TaskState.RUNNING, kind="goal", children=children)
    async with at_the_keys(engine) as seat:
        await seat.shows("task-3")
        await seat.press("G", "k")
        await seat.shows("task-9999")
        assert tree(seat).cursor == "t-0000009999"
        for n in range(3):
            engine.push(EventType.TASK_STARTED, goal=NIGHT, task=f"t-{n}")
            await seat.until(lambda: seat.app.overview.seq == engine.engine.seq)
        await seat.press("g")
        await seat.shows("Ship the greeting")
