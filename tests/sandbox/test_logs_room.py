"""All logs together: what is dropped, what never is, and what a reader finds in place of it."""

import os
from datetime import UTC, datetime
from pathlib import Path

from engine.api import LogQuery
from engine.model import Stream
from engine.sandbox.driver import Chunk
from engine.sandbox.logs import LogRoom, RunLog, read_page

NOON_NS = 1_772_366_400_000_000_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KB = 1024


def written(root: Path, run: str, *, lines: int = 300, ended: int | None = None) -> RunLog:
    """A log of about 100 bytes a line; sealed at a time, or still open."""
    log = RunLog.open(root / run, 64 * KB)
    for n in range(lines):
        log.write(Chunk(Stream.OUT, NOON_NS + n, b"%06d" % n + b"x" * 60 + b"\n"))
    log.note("a word of the engine", NOON)
    log.flush()
    if ended is not None:
        log.seal()
        os.utime(root / run / "sealed", (ended, ended))
    return log


def taken(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_r53_the_oldest_ended_log_goes_first_and_says_how_many_lines_it_had(tmp_path: Path) -> None:
    for n, run in enumerate(("r-b", "r-a", "r-c")):
        written(tmp_path, run, ended=1_000 + n)
    assert LogRoom(tmp_path, 100 * KB).trim((), NOON) == []
    assert LogRoom(tmp_path, 70 * KB).trim((), NOON) == ["r-b"]
    assert taken(tmp_path) <= 70 * KB
    page = read_page(tmp_path / "r-b", "r-b", LogQuery())
    assert (page.first, page.total, page.ended) == (301, 302, True)
    assert [line.stream for line in page.lines] == [Stream.GAP, Stream.GAP]
    assert page.lines[0].text.startswith("300 lines are missing here")
    assert "sandbox.log_total" in page.lines[1].text
    assert read_page(tmp_path / "r-b", "r-b", LogQuery(tail=1, grep="x")).lines == page.lines[1:]
    assert len(read_page(tmp_path / "r-a", "r-a", LogQuery()).lines) == 301


def test_no_log_of_a_live_run_is_dropped_though_it_is_the_oldest(tmp_path: Path) -> None:
    written(tmp_path, "r-sealed", ended=1)
    written(tmp_path, "r-open")
    written(tmp_path, "r-old", ended=2)
    room = LogRoom(tmp_path, 64)
    assert room.trim({"r-sealed", "r-open"}, NOON) == ["r-old"]
    assert room.trim({"r-sealed", "r-open"}, NOON) == []
    assert len(read_page(tmp_path / "r-sealed", "r", LogQuery()).lines) == 301
    assert room.trim({"r-open"}, NOON) == ["r-sealed"]


def test_what_was_dropped_is_not_dropped_again_and_new_logs_are_seen(tmp_path: Path) -> None:
    room = LogRoom(tmp_path, 40 * KB)
    written(tmp_path, "r-1", ended=1)
    assert room.trim((), NOON) == []
    written(tmp_path, "r-2", ended=2)
    assert room.trim((), NOON) == ["r-1"]
    assert room.trim((), NOON) == []
    assert LogRoom(tmp_path, 64).trim((), NOON) == ["r-2"]
    assert LogRoom(tmp_path, 64).trim((), NOON) == []


def test_a_drop_that_was_interrupted_is_finished_by_the_next(tmp_path: Path) -> None:
    written(tmp_path, "r-1", ended=1)
    before = {path: path.read_bytes() for path in (tmp_path / "r-1").glob("0*")}
    LogRoom(tmp_path, 64).trim((), NOON)
    for path, data in before.items():
        path.write_bytes(data)
    whole = read_page(tmp_path / "r-1", "r-1", LogQuery(limit=1_000))
    assert len(whole.lines) == 302
    assert LogRoom(tmp_path, 64).trim((), NOON) == ["r-1"]
    assert read_page(tmp_path / "r-1", "r-1", LogQuery()).lines[0].text.startswith("300 lines are missing here")


def test_strange_files_beside_the_logs_harm_nothing(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("x" * 9_999)
    (tmp_path / "empty").mkdir()
    assert LogRoom(tmp_path, 64).trim((), NOON) == []
    assert (tmp_path / "note.txt").exists()
