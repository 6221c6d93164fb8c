"""Logs of any length at constant cost; following stops when one scrolls up, and counts (R53, R55, case 47)."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import overload

import pytest

from engine.api import LogLine
from engine.errors import EngineUnavailable
from engine.model import Stream
from tui.screens.logs import LogsScreen
from tui.widgets.log_feed import CACHE
from tui.widgets.log_pane import LogPane
from ui.frozen import NOON
from ui.pieces import lines
from ui.scenes import shop
from ui.steering import NARROW, WIDE, Seat, at_the_keys

LOGIN = "r-login00000"
BAR = 60  # columns left of the scroll bar, whose thumb shrinks as the log grows


class Endless(Sequence[LogLine]):
    """A log of any length that exists only where it is read."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.made = 0

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, at: int) -> LogLine: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[LogLine]: ...
    def __getitem__(self, at: int | slice) -> LogLine | Sequence[LogLine]:
        if isinstance(at, slice):
            start, stop, _ = at.indices(self.length)
            return [self[n] for n in range(start, min(stop, start + 60_000))]
        self.made += 1
        stream = Stream.ERR if at % 1000 == 7 else Stream.OUT
        return LogLine(n=at, at=NOON + timedelta(microseconds=at), stream=stream, text=f"line {at} of many")


async def reading(seat: Seat) -> LogPane:
    await seat.press("3", "enter")
    pane = seat.app.screen.query_one(LogPane)
    await seat.until(lambda: pane.feed is not None and pane.feed.total > 0 and pane.room.height > 0)
    await seat.settle()
    return pane


async def test_it_follows_stops_when_one_scrolls_up_counts_and_resumes() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.shows("FOLLOWING", "test_59 PASSED")
        await seat.press("k", "k")
        await seat.shows("PAUSED +0, G follows")
        await seat.until(lambda: "test_" in seat.text.splitlines()[5])
        top = seat.text.splitlines()[5][:BAR]
        engine.lines[LOGIN] = lines([line.text for line in engine.lines[LOGIN]] + ["new"] * 312)
        await seat.shows("PAUSED +312, G follows")
        assert seat.text.splitlines()[5][:BAR] == top, "the text stands still"
        await seat.press("G")
        await seat.shows("FOLLOWING", "out  new")
        assert pane.following


@pytest.mark.alone
async def test_a_million_lines_cost_what_one_page_costs() -> None:
    engine = shop()
    log = Endless(1_000_000)
    engine.lines[LOGIN] = log
    async with at_the_keys(engine, WIDE) as seat:
        pane = await reading(seat)
        await seat.shows("1,000,000 lines", "line 999999 of many")
        assert log.made < 1_000, "only what is seen is read"
        start = time.monotonic()
        await seat.press("g")
        await seat.shows("line 0 of many")
        await seat.press("pagedown", "pagedown")
        await seat.shows("line 90 of many")
        await seat.press("G")
        await seat.shows("line 999999 of many")
        assert time.monotonic() - start < 5
        assert log.made < 10_000
        assert pane.feed is not None
        assert len(pane.feed._cache) <= CACHE


@pytest.mark.alone
async def test_r55_a_megabyte_line_costs_little_and_says_what_is_missing() -> None:
    engine = shop()
    engine.lines[LOGIN] = lines(["short", "x" * 1_000_000, "\x1b[31m" * 200_000, "日" * 500_000, "end"])
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.shows("short", "end")
        await seat.press("right", "right", "left", "w")
        await seat.until(lambda: pane.wrapped)
        await seat.shows("more: enter")
        start = time.process_time()
        for _ in range(10):
            pane.refresh()
            await seat.settle()
        assert time.process_time() - start < 2.0


async def test_search_counts_hits_and_goes_through_them() -> None:
    engine = shop()
    engine.lines[LOGIN] = lines(["needle" if n % 50 == 3 else f"hay {n}" for n in range(200)])
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.press("slash")
        await seat.type("NEEDLE")
        await seat.shows("/needle: 4 hits")
        await seat.press("enter")
        await seat.until(lambda: pane.here == 153)
        await seat.press("N")
        await seat.until(lambda: pane.here == 103)
        await seat.press("n")
        await seat.until(lambda: pane.here == 153)
        assert not pane.following
        await seat.press("escape")
        await seat.until(lambda: "/needle" not in seat.text)
        assert isinstance(seat.app.screen, LogsScreen)


async def test_one_stream_at_a_time() -> None:
    engine = shop()
    engine.lines[LOGIN] = lines([f"text {n}" for n in range(100)], errors=range(0, 100, 10))
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.press("O")
        await seat.until(lambda: pane.feed is not None and pane.feed.rows == 90)
        await seat.press("O")
        await seat.until(lambda: pane.feed is not None and pane.feed.rows == 10)
        await seat.shows("text 90", "text 0", " err ")
        assert "text 91" not in seat.text
        await seat.press("O")
        await seat.until(lambda: pane.feed is not None and pane.feed.rows == 100)


async def test_jumps_go_to_gaps_notes_and_errors() -> None:
    engine = shop()
    log = lines([f"text {n}" for n in range(300)], errors=(100,))
    log[200] = log[200].model_copy(update={"stream": Stream.GAP, "text": "312 lines missing: file rotated"})
    engine.lines[LOGIN] = log
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.press("{")
        await seat.shows("── 312 lines missing: file rotated ──")
        assert pane.here == 200
        await seat.press("{")
        await seat.until(lambda: pane.here == 100)
        await seat.press("}")
        await seat.until(lambda: pane.here == 200)


async def test_times_are_wall_relative_or_off_and_wrap_folds() -> None:
    engine = shop()
    engine.lines[LOGIN] = lines(["first", "y" * 100])
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.shows("14:18:07.000 out  first")
        await seat.press("t")
        await seat.shows("+0.137 out")
        await seat.press("t")
        await seat.until(lambda: "out  first" in seat.text and "14:18" not in seat.text.splitlines()[3])
        await seat.press("w")
        await seat.until(lambda: pane.wrapped)
        await seat.settle()
        assert sum(line.count("y") for line in seat.text.splitlines()[2:-2]) >= 100


async def test_enter_shows_a_line_in_full_with_its_removed_bytes() -> None:
    engine = shop()
    engine.lines[LOGIN] = lines(["\x1b[31mred\x1b[0m" + "z" * 5_000])
    async with at_the_keys(engine, WIDE) as seat:
        await reading(seat)
        await seat.press("enter")
        await seat.shows("line 0 · out", "␛[31mred␛[0m")


async def test_a_new_attempt_replaces_the_log_of_the_one_before() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        pane = await reading(seat)
        await seat.shows("test_59 PASSED")
        again = engine.runs[LOGIN].model_copy(update={"id": "r-again00000", "n": 2})
        engine.runs[again.id] = again
        engine.lines[again.id] = lines(["from the second attempt"])
        engine.tasks["t-login00000"] = engine.tasks["t-login00000"].model_copy(
            update={"runs": (engine.runs[LOGIN], again)}
        )
        await seat.shows("from the second attempt", "login #2")
        assert "test_59" not in seat.text
        assert pane.feed is not None
        assert pane.feed.total == 1


async def test_case_49_a_failing_reader_says_so_and_recovers() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await reading(seat)
        real = engine.logs

        async def fail(ref: str, query: object) -> object:
            raise EngineUnavailable("the log cannot be read")

        engine.logs = fail  # type: ignore[assignment, method-assign]
        seat.app.screen.query_one(LogPane)._fetch = fail
        seat.app.screen.query_one(LogPane).feed._fetch = fail  # type: ignore[union-attr]
        await seat.shows("the log cannot be read")
        seat.app.screen.query_one(LogPane).feed._fetch = real  # type: ignore[union-attr]
        await seat.until(lambda: "the log cannot be read" not in seat.text)


async def test_escape_goes_from_the_log_to_the_runs_at_80_columns() -> None:
    async with at_the_keys(shop(), NARROW) as seat:
        await reading(seat)
        await seat.until(lambda: "build #1" not in seat.text)
        await seat.press("escape")
        await seat.shows("build #1", "login #1")
        await seat.press("down", "down", "enter")
        await seat.shows("42 passed in 3.10s", "ended")
