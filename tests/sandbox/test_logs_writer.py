"""The writer of a log: joining, bounds, crashes, followers."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api import LogQuery
from engine.model import Stream
from engine.sandbox.driver import Chunk
from engine.sandbox.log_lines import LINE_LIMIT, parse_stamp, stamp
from engine.sandbox.log_segments import list_segments
from engine.sandbox.logs import RunLog, read_page

LIMIT = 64 * 1024**2
NOON = 1_772_366_400_000_000_000


def texts(folder: Path) -> list[str]:
    return [entry.text for entry in read_page(folder, "r", LogQuery(limit=50_000)).lines]


def test_stamps_keep_every_nanosecond_and_order_as_bytes() -> None:
    moments = [0, 1, 999_999_999, NOON, NOON + 1, 4_102_444_800_000_000_000]
    assert [parse_stamp(stamp(at)) for at in moments] == moments
    assert sorted(stamp(at) for at in moments) == [stamp(at) for at in moments]


@pytest.mark.parametrize("raw", [b"", b"x" * 30, b"2026-03-01 12:00:00.0000000000Z", b"2026-03-01T12:00:00Z"])
def test_what_is_no_stamp_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        parse_stamp(raw)


def test_pieces_of_a_line_are_joined_per_stream(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    log.write(Chunk(Stream.OUT, NOON, b"a" * 16_384))
    log.write(Chunk(Stream.ERR, NOON + 1, b"err "))
    log.write(Chunk(Stream.OUT, NOON, b"b" * 16_384))
    log.write(Chunk(Stream.ERR, NOON + 2, b"line\nnext\nhalf "))
    log.write(Chunk(Stream.OUT, NOON, b"end \xc3"))
    log.write(Chunk(Stream.OUT, NOON, b"\xa9\n"))
    log.finish_lines()
    assert texts(tmp_path) == ["err line", "next", "a" * 16_384 + "b" * 16_384 + "end é", "half "]
    assert log.last_at == NOON + 2


def test_r55_an_endless_line_is_cut_with_a_mark_and_bounded_in_memory(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    for _ in range(40):
        log.write(Chunk(Stream.OUT, NOON, b"z" * 262_144))
    log.write(Chunk(Stream.OUT, NOON, b"\nshort\n"))
    log.write(Chunk(Stream.OUT, NOON, b"y" * (2 * LINE_LIMIT) + b"\nlast\n"))
    log.flush()
    long, short, once, last = texts(tmp_path)
    assert long == "z" * LINE_LIMIT + f" … [{40 * 262_144 - LINE_LIMIT} bytes cut]"
    assert once == "y" * LINE_LIMIT + f" … [{LINE_LIMIT} bytes cut]"
    assert (short, last) == ("short", "last")


def test_r54_a_sealed_log_says_so_after_a_restart(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    log.write(Chunk(Stream.OUT, NOON, b"kept without newline"))
    assert not read_page(tmp_path, "r", LogQuery()).ended
    log.seal()
    assert read_page(tmp_path, "r", LogQuery()).ended
    assert RunLog.open(tmp_path, LIMIT).sealed
    assert texts(tmp_path) == ["kept without newline"]


def test_reopening_continues_numbers_position_and_counts(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, 64 * 1024)
    for n in range(3_000):
        log.write(Chunk(Stream.OUT if n % 3 else Stream.ERR, NOON + n, b"line %d\n" % n))
    log.gap("marker", datetime(2026, 3, 1, tzinfo=UTC))
    log.close()
    again = RunLog.open(tmp_path, 64 * 1024)
    assert (again.total, again.missing, again.gaps) == (log.total, log.missing, log.gaps)
    assert again.gaps == 2
    assert again.missing > 0
    assert again.last_at == NOON + 2_999
    assert again.seen == log.seen
    again.write(Chunk(Stream.OUT, NOON + 4_000, b"next\n"))
    again.flush()
    assert read_page(tmp_path, "r", LogQuery(tail=1)).lines[0].n == log.total


def test_a_torn_last_record_is_dropped_and_a_lost_index_rebuilt(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    for n in range(5_000):
        log.write(Chunk(Stream.OUT, NOON + n, b"line %d\n" % n))
    log.close()
    (segment,) = list_segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(b"o2026-03-01T12:00:00.0000")
    for damage in (segment.index.unlink, lambda: segment.index.write_bytes(os.urandom(37))):
        damage()
        again = RunLog.open(tmp_path, LIMIT)
        assert again.total == 5_000
        assert len(segment.entries()) > 2
        assert read_page(tmp_path, "r", LogQuery(after=4_321, limit=1)).lines[0].text == "line 4322"
        again.close()


WRITER = """
import sys
from pathlib import Path
from engine.sandbox.driver import Chunk
from engine.sandbox.logs import RunLog
from engine.model import Stream
log = RunLog.open(Path(sys.argv[1]), 1 << 20)
n = log.total
while True:
    log.write(Chunk(Stream.OUT, 1_772_366_400_000_000_000 + n, b"line %d\\n" % n))
    n += 1
    if n % 5000 == 0:
        print(n, flush=True)
"""


def test_kill_9_at_any_instant_leaves_a_sound_log(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            reached = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        log = RunLog.open(tmp_path, 1 << 20)
        assert log.total >= reached
        assert log.last_at == NOON + log.total - 1
        lines = read_page(tmp_path, "r", LogQuery(limit=50_000)).lines
        assert [entry.text for entry in lines if entry.stream is Stream.OUT] == [
            f"line {n}" for n in range(log.missing, log.total)
        ]
        log.close()


async def test_followers_wake_when_lines_can_be_read_and_when_sealed(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    first = asyncio.create_task(log.grown(0))
    second = asyncio.create_task(log.grown(1))
    await asyncio.sleep(0)
    log.write(Chunk(Stream.OUT, NOON, b"hello\n"))
    await asyncio.wait_for(first, 5)
    assert texts(tmp_path) == ["hello"]
    assert not second.done()
    log.seal()
    await asyncio.wait_for(second, 5)
    await asyncio.wait_for(log.grown(10**9), 5)


@pytest.mark.alone
async def test_r53_a_slow_reader_never_holds_the_writer(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, 64 * 1024)
    slow = asyncio.create_task(log.grown(10**9))
    for n in range(20_000):
        log.write(Chunk(Stream.OUT, NOON + n, b"line %d\n" % n))
        if n % 1_000 == 0:
            await asyncio.sleep(0)  # as between two pieces of a log
    log.flush()
    assert log.total == 20_000
    assert read_page(tmp_path, "r", LogQuery(tail=1)).lines[0].text == "line 19999"
    log.seal()
    await slow


def test_r53_a_full_disk_becomes_a_marker_with_the_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    log.write(Chunk(Stream.OUT, NOON, b"one\n"))
    with monkeypatch.context() as full:
        full.setattr(os, "write", _no_space)
        log.write(Chunk(Stream.OUT, NOON + 1, b"two\nthree\n"))
        log.flush()
    log.write(Chunk(Stream.OUT, NOON + 2, b"four\n"))
    log.flush()
    assert texts(tmp_path) == ["one", "2 lines are missing here: the disk took no more", "four"]
    assert log.gaps == 1


def _no_space(descriptor: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_notes_are_marked_as_the_engines_own(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT)
    log.note("stopped after\nten minutes", datetime(2026, 3, 1, 12, tzinfo=UTC))
    (entry,) = read_page(tmp_path, "r", LogQuery()).lines
    assert (entry.stream, entry.text, entry.at.hour) == (Stream.NOTE, "stopped after ten minutes", 12)
    assert log.last_at is None
