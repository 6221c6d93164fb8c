"""Pages of a log: numbers, tails, streams, bounds."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api import LogPage, LogQuery
from engine.model import Stream
from engine.sandbox.driver import Chunk
from engine.sandbox.log_lines import Lines, line, stamp
from engine.sandbox.logs import RunLog, read_page

LIMIT = 64 * 1024**2
NOON = 1_772_366_400_000_000_000  # 2026-03-01T12:00:00Z


def chunk(text: bytes, at: int = NOON, stream: Stream = Stream.OUT) -> Chunk:
    return Chunk(stream, at, text)


def fill(log: RunLog, lines: range, stream: Stream = Stream.OUT) -> None:
    """Lines `line N`, one stamp each, in stored form."""
    mark = b"o" if stream is Stream.OUT else b"e"
    for start in range(lines.start, lines.stop, 1_000):
        numbers = range(start, min(lines.stop, start + 1_000))
        data = b"".join(line(mark, stamp(NOON + n), b"line %d" % n) for n in numbers)
        seen = log.seen
        seen.out = stamp(NOON + numbers[-1])
        log.write_lines(Lines(data, len(numbers), seen=seen))
    log.flush()


def page(folder: Path, **query: object) -> LogPage:
    return read_page(folder, "r-0000000000", LogQuery.model_validate(query))


def texts(folder: Path, **query: object) -> list[str]:
    return [entry.text for entry in page(folder, **query).lines]


def test_lines_come_back_with_number_time_stream_and_exact_text(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    log.write(chunk(b"one\n\ttwo \r\n\n", NOON))
    log.write(chunk(b"three\n", NOON + 1_500, Stream.ERR))
    log.flush()
    lines = page(tmp_path / "r").lines
    assert [(entry.n, entry.stream, entry.text) for entry in lines] == [
        (0, Stream.OUT, "one"),
        (1, Stream.OUT, "\ttwo \r"),
        (2, Stream.OUT, ""),
        (3, Stream.ERR, "three"),
    ]
    assert lines[3].at == datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)


def test_missing_folder_is_an_empty_page(tmp_path: Path) -> None:
    assert page(tmp_path / "nothing") == LogPage(run="r-0000000000", lines=(), first=0, total=0, ended=False)


def test_after_tail_and_limit_name_exact_lines(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    fill(log, range(30_000))
    assert texts(tmp_path / "r", tail=2) == ["line 29998", "line 29999"]
    assert texts(tmp_path / "r", after=17_122, limit=2) == ["line 17123", "line 17124"]
    assert texts(tmp_path / "r", after=29_998) == ["line 29999"]
    assert texts(tmp_path / "r", after=29_999) == []
    assert texts(tmp_path / "r", tail=0) == []
    assert page(tmp_path / "r", limit=1).total == 30_000


def test_every_page_size_walks_the_whole_log_once(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", 64 * 1024)
    fill(log, range(1_000))
    for size in (1, 7, 250, 5_000):
        seen, after = [], -1
        while lines := page(tmp_path / "r", after=after, limit=size).lines:
            seen += [entry.text for entry in lines]
            after = lines[-1].n
        assert seen == [f"line {n}" for n in range(1_000)]


def test_one_stream_forward_and_from_the_end_keeps_gap_markers(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    for n in range(50):
        log.write(chunk(b"out %d\n" % n, NOON + 2 * n))
        log.write(chunk(b"err %d\n" % n, NOON + 2 * n + 1, Stream.ERR))
    log.gap("lines are missing here", datetime(2026, 3, 1, tzinfo=UTC))
    log.note("engine says", datetime(2026, 3, 1, tzinfo=UTC))
    assert texts(tmp_path / "r", stream="err", limit=2) == ["err 0", "err 1"]
    assert texts(tmp_path / "r", stream="err", tail=2) == ["err 49", "lines are missing here"]
    assert texts(tmp_path / "r", stream="note") == ["lines are missing here", "engine says"]
    assert log.tail(3) == ["err 48", "out 49", "err 49"]


@pytest.mark.alone
def test_a_million_lines_page_and_tail_stay_cheap(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    fill(log, range(1_000_000))
    assert log.total == 1_000_000
    began = time.perf_counter()
    assert texts(tmp_path / "r", tail=1) == ["line 999999"]
    assert texts(tmp_path / "r", after=776_543, limit=1) == ["line 776544"]
    assert time.perf_counter() - began < 0.25


def test_r53_dropped_lines_are_one_marker_with_the_exact_number(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", 64 * 1024)
    log.note("not a line of the sandbox", datetime(2026, 3, 1, tzinfo=UTC))
    fill(log, range(10_000))
    whole = page(tmp_path / "r", limit=50_000)
    marker, *kept = whole.lines
    assert marker.stream is Stream.GAP
    assert marker.n == whole.first - 1
    assert kept[0].n == whole.first
    assert [entry.text for entry in kept] == [f"line {n}" for n in range(10_000 - len(kept), 10_000)]
    assert marker.text.startswith(f"{10_000 - len(kept)} lines are missing here")
    assert log.missing == 10_000 - len(kept)
    assert log.gaps == 1
    assert sum(file.stat().st_size for file in (tmp_path / "r").glob("*.log")) <= 64 * 1024
    assert [entry.n for entry in page(tmp_path / "r", tail=50_000).lines] == [entry.n for entry in whole.lines]
    assert page(tmp_path / "r", after=marker.n, limit=1).lines[0].n == whole.first


def test_r55_a_page_is_bounded_in_bytes_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    for n in range(30):
        log.write(chunk(b"%02d" % n + b"x" * 900_000 + b"\n", NOON + n))
    log.flush()
    first = page(tmp_path / "r").lines
    assert 1 <= len(first) < 15
    assert page(tmp_path / "r", after=first[-1].n).lines[0].n == first[-1].n + 1
    assert page(tmp_path / "r", tail=30).lines[-1].text.startswith("29")


def test_r16_a_broken_line_does_not_break_its_page(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    log.write(chunk(b"before\n"))
    log.flush()
    log.close()
    (segment,) = (tmp_path / "r").glob("*.log")
    with segment.open("ab") as file:
        file.write(b"\xff\xfe nonsense\n\n")
    log = RunLog.open(tmp_path / "r", LIMIT)
    log.write(chunk(b"after\n", NOON + 1))
    log.flush()
    lines = page(tmp_path / "r").lines
    assert [entry.text for entry in lines[:1] + lines[3:]] == ["before", "after"]
    assert {entry.stream for entry in lines[1:3]} == {Stream.GAP}


@pytest.mark.parametrize("raw", [b"\xff\x00split \xc3", b"nul \x00 inside", b"\x1b]52;c;x\x07"])
def test_undecodable_bytes_become_replacement_characters(tmp_path: Path, raw: bytes) -> None:
    log = RunLog.open(tmp_path / "r", LIMIT)
    log.write(chunk(raw + b"\n"))
    log.flush()
    assert texts(tmp_path / "r") == [raw.decode("utf-8", "replace")]
