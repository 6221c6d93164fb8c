"""Searching a log: every combination of what a query can ask for, at a bounded cost."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.api import LogLine, LogQuery
from engine.errors import Invalid
from engine.model import Stream
from engine.sandbox import log_search
from engine.sandbox.driver import Chunk
from engine.sandbox.logs import RunLog, Search, read_page

SECOND = 1_000_000_000
NOON_NS = 1_772_366_400 * SECOND
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty lines, one a second, of both streams by turns; a gap after the thirtieth; sealed."""
    folder = tmp_path_factory.mktemp("log")
    log = RunLog.open(folder, 64 * 1024**2)
    for n in range(40):
        word = "ERROR" if n % 3 == 0 else "fine"
        log.write(Chunk(Stream.ERR if n % 2 else Stream.OUT, NOON_NS + n * SECOND, f"{word} line {n} é\n".encode()))
        if n == 30:
            log.gap("3 lines are missing here", NOON + timedelta(seconds=30))
    log.seal()
    return folder


def read(folder: Path, query: LogQuery) -> Iterator[LogLine]:
    """Page after page, as a client reads."""
    while True:
        page = read_page(folder, "r-0000000000", query)
        yield from page.lines
        if page.reached is None:
            return
        query = query.model_copy(update={"after": page.reached, "tail": None})


@pytest.mark.parametrize("grep", [None, "ERROR", "^fine line [12]. é$", "(?i)error.*7", "nothing of this"])
def test_every_combination_of_grep_since_tail_and_stream(folder: Path, grep: str | None) -> None:
    everything = list(read(folder, LogQuery()))
    assert len(everything) == 41
    with closing(Search(grep or "")) as search:
        for stream, since, tail in product(
            [None, Stream.OUT, Stream.ERR], [None, NOON + timedelta(seconds=25)], [None, 0, 1, 5, 100]
        ):
            wanted = [
                line for line in everything
                if (stream is None or line.stream in (stream, Stream.GAP))
                and (since is None or line.at >= since)
                and (grep is None or line.stream is Stream.GAP or re.search(grep, line.text))
            ]  # fmt: skip
            if tail is not None:
                wanted = wanted[len(wanted) - min(tail, len(wanted)) :]
            query = LogQuery(grep=grep, stream=stream, since=since, tail=tail)
            page = read_page(folder, "r", query, None if grep is None else search)
            assert list(page.lines) == wanted, query


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_of_a_search_join_to_the_whole(folder: Path, limit: int) -> None:
    whole = [line.n for line in read(folder, LogQuery(grep="ERROR"))]
    assert [line.n for line in read(folder, LogQuery(grep="ERROR", limit=limit))] == whole
    assert len(whole) == 15


def test_a_page_that_is_full_of_bytes_says_where_to_go_on(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, 64 * 1024**2)
    for n in range(20):
        log.write(Chunk(Stream.OUT, NOON_NS + n, b"%02d" % n + b"x" * 900_000 + b"\n"))
    log.seal()
    assert len(read_page(tmp_path, "r", LogQuery()).lines) < 20
    assert [line.n for line in read(tmp_path, LogQuery())] == list(range(20))


def test_r55_a_search_ends_a_page_when_its_time_is_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "PAGE_TIME", 0.0)
    monkeypatch.setattr(log_search, "ROWS", 4)
    page = read_page(folder, "r", LogQuery(grep="line 39"))
    assert (page.lines, page.reached) == ((), 3)
    assert [line.n for line in read(folder, LogQuery(grep="line 39"))] == [31, 40]
    with pytest.raises(Invalid, match="from the end"):
        read_page(folder, "r", LogQuery(grep="line 0 ", tail=1))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*)*b", "(?:a?){60}a{60}$"])
def test_r55_a_hostile_pattern_costs_bounded_time(
    tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog.open(tmp_path, 64 * 1024**2)
    log.write(Chunk(Stream.OUT, NOON_NS, b"a" * 59 + b"!\n"))
    log.seal()
    code = log_search.stdlib_python(
        "from engine.sandbox import log_search_worker as worker; worker.TIME = 0.1; worker.main()"
    )
    monkeypatch.setattr(log_search, "stdlib_python", lambda _: code)
    with pytest.raises(Invalid, match="--grep took more than"):
        read_page(tmp_path, "r", LogQuery(grep=pattern))


def test_r55_a_search_that_is_closed_ends_within_its_expression() -> None:
    search = Search("(a+)+$")
    seen: list[Exception] = []

    def work() -> None:
        try:
            search.found_in([b"a" * 60 + b"!"])
        except Invalid as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 30
    while search._process is None and time.monotonic() < until:
        time.sleep(0.01)
    process = search._process
    assert isinstance(process, subprocess.Popen)
    search.close()
    thread.join(30)
    assert not thread.is_alive()
    assert process.poll() is not None
    assert len(seen) == 1
    with pytest.raises(Invalid):
        search.found_in([b""])


def test_r55_a_search_that_is_closed_as_it_begins_is_over_like_any(monkeypatch: pytest.MonkeyPatch) -> None:
    search, framed = Search("x"), log_search._framed

    def closed_meanwhile(data: bytes) -> bytes:
        search.close()
        return framed(data)

    monkeypatch.setattr(log_search, "_framed", closed_meanwhile)
    with pytest.raises(Invalid):
        search.found_in([b"x"])


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "(" * 600, "x{99999999999}", "\ud800", "y" * 1001])
def test_r112_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        LogQuery(grep=pattern)


@pytest.mark.parametrize("pattern", ["", "\x00", "[[a]", "é$", "\n", "(?x) a b # words"])
def test_an_unusual_pattern_is_searched_for_like_any(folder: Path, pattern: str) -> None:
    assert isinstance(read_page(folder, "r", LogQuery(grep=pattern)).total, int)


def test_text_that_is_not_utf_8_is_searched_as_it_is_shown(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, 64 * 1024**2)
    log.write(Chunk(Stream.OUT, NOON_NS, b"\n\xff\x00split \xc3\n\n"))
    log.seal()
    assert [line.n for line in read(tmp_path, LogQuery(grep="^\ufffd\x00split \ufffd$"))] == [1]
    assert [line.n for line in read(tmp_path, LogQuery(grep="^$"))] == [0, 2]


def test_a_long_log_is_searched_to_its_end(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, 64 * 1024**2)
    for start in range(0, 200_000, 1_000):
        log.write(Chunk(Stream.OUT, NOON_NS + start, b"".join(b"line %d\n" % n for n in range(start, start + 1_000))))
    log.seal()
    assert [line.n for line in read(tmp_path, LogQuery(grep="line 19999[0-9]$"))] == list(range(199_990, 200_000))
