"""The output files of process sandboxes: whole lines, each once, bounded, gaps told (R53, R55)."""

import os
import time
from pathlib import Path

import pytest

from engine.sandbox import log_lines
from engine.sandbox.log_lines import HEAD, LINE_LIMIT, Seen
from engine.sandbox.process_output import Writer, segments, stamp
from engine.sandbox.process_reader import OutputReader


def read_all(folder: Path, seen: Seen | None = None, line_limit: int = LINE_LIMIT) -> list[bytes]:
    """Mark and text of every line."""
    reader = OutputReader(folder, seen or Seen(), line_limit)
    rows: list[bytes] = []
    while (found := reader.read()) is not None:
        assert found.count == found.data.count(b"\n")
        rows += found.data[:-1].split(b"\n")
    reader.close()
    return [row[:1] + row[HEAD:] for row in rows]


@pytest.mark.parametrize("at", [0, 1, 999_999_999, 1_772_366_400_000_000_001, 4_102_444_800_123_456_789])
def test_stamps_are_those_of_the_log(at: int) -> None:
    assert stamp(at) == log_lines.stamp(at)
    assert log_lines.parse_stamp(stamp(at)) == at


def test_r53_lines_come_back_as_written_whatever_the_pieces(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for mark, piece in [(b"o", b"hel"), (b"e", b"err\n"), (b"o", b"lo\n\nwor"), (b"o", b"ld"), (b"e", b"\xff\x00 end")]:
        writer.add(mark, piece)
    writer.close()
    assert read_all(tmp_path) == [b"eerr", b"ohello", b"o", b"oworld", b"e\xff\x00 end"] or read_all(tmp_path) == [
        b"eerr", b"ohello", b"o", b"e\xff\x00 end", b"oworld",
    ]  # fmt: skip


def test_r53_stamps_grow_and_a_reader_resumes_after_any_of_them(tmp_path: Path) -> None:
    writer = Writer(tmp_path, segment=2000, keep=1000)
    for n in range(300):
        writer.add(b"o" if n % 3 else b"e", f"line {n}\nmore {n}\n".encode())
    writer.close()
    reader = OutputReader(tmp_path, Seen())
    rows: list[bytes] = []
    while (found := reader.read()) is not None:
        rows += found.data[:-1].split(b"\n")
    reader.close()
    stamps = [row[1 : HEAD - 1] for row in rows]
    assert stamps == sorted(set(stamps))
    assert len(rows) == 600
    whole = read_all(tmp_path)
    for at in (0, 1, 17, 299, 300, 598, 599):
        assert read_all(tmp_path, Seen(out=stamps[at])) == whole[at + 1 :]


def test_r53_stamps_grow_when_the_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5_000_000_000, 1_000_000_000, 4_999_999_999, 7_999_999_999])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    writer = Writer(tmp_path)
    for text in (b"a\nb\n", b"c\n", b"d\n", b"e\nf\ng\n"):
        writer.add(b"o", text)
    writer.close()
    reader = OutputReader(tmp_path, Seen())
    found = reader.read()
    reader.close()
    assert found is not None
    stamps = [log_lines.parse_stamp(row[1 : HEAD - 1]) for row in found.data[:-1].split(b"\n")]
    assert stamps == [5 * 10**9, 5 * 10**9 + 1, 5 * 10**9 + 2, 5 * 10**9 + 3, 7_999_999_999, 8 * 10**9, 8 * 10**9 + 1]


def test_r53_what_nobody_read_in_time_is_a_counted_gap(tmp_path: Path) -> None:
    writer = Writer(tmp_path, segment=1000, keep=3)
    reader = OutputReader(tmp_path, Seen())
    writer.add(b"o", b"first\n")
    first = reader.read()
    assert first is not None
    for n in range(500):
        writer.add(b"o", b"line %d\n" % n)
    assert len(segments(tmp_path)) == 3
    rows, extras = [], 0
    while (found := reader.read()) is not None:
        rows += [row[:1] + row[HEAD:] for row in found.data[:-1].split(b"\n")]
        extras += found.extras
    reader.close()
    [gap] = [row for row in rows if row.startswith(b"g")]
    missing = int(gap[1:].split()[0])
    assert extras == 1
    assert missing + len(rows) - 1 == 500
    assert rows[-1] == b"oline 499"
    late = read_all(tmp_path)
    assert late[0].startswith(b"g")
    assert int(late[0][1:].split()[0]) + len(late) - 1 == 501
    assert b"at most" in read_all(tmp_path, Seen(out=first.seen.out))[0]


def test_r55_a_huge_line_is_cut_and_told(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for _ in range(160):
        writer.add(b"o", b"x" * 65536)
    writer.add(b"o", b"\nnext\n" + b"y" * (LINE_LIMIT + 5) + b"\n")
    writer.close()
    huge, following, other = read_all(tmp_path)
    assert huge == b"o" + b"x" * LINE_LIMIT + f" … [{160 * 65536 - LINE_LIMIT} bytes cut]".encode()
    assert following == b"onext"
    assert other.endswith(" … [5 bytes cut]".encode())
    assert len(read_all(tmp_path, line_limit=100)[0]) < 150


def test_r53_a_full_disk_is_a_counted_gap_and_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path)
    writer.add(b"o", b"before\n")
    write, full = os.write, True

    def refusing(file: int, data: bytes) -> int:
        if not full:
            return write(file, data)
        write(file, data[:5])  # a short write, as on the last free block
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refusing)
    writer.add(b"o", b"lost\nlost\n")
    writer.add(b"e", b"lost\n")
    full = False
    writer.add(b"o", b"after\n")
    writer.close()
    rows = read_all(tmp_path)
    assert [row for row in rows if not row.startswith(b"g")] == [b"obefore", b"oafter"]
    assert rows[1].startswith(b"g3 lines are missing here")


def test_r55_nothing_but_the_newest_files_stays(tmp_path: Path) -> None:
    writer = Writer(tmp_path, segment=10_000, keep=4)
    for _ in range(200):
        writer.add(b"o", b"z" * 999 + b"\n")
    writer.close()
    assert len(segments(tmp_path)) == 4
    assert sum(path.stat().st_size for _, path in segments(tmp_path)) < 50_000


def test_a_reader_sees_growth_across_files_without_reading(tmp_path: Path) -> None:
    writer = Writer(tmp_path, segment=50)
    reader = OutputReader(tmp_path, Seen())
    assert reader.read() is None
    assert not reader.grown()
    writer.add(b"o", b"a line that fills the first file\n")
    assert reader.grown()
    assert reader.read() is not None
    assert not reader.grown()
    writer.add(b"o", b"b\n")
    assert reader.grown()
    found = reader.read()
    assert found is not None
    assert found.data.endswith(b"b\n")
    assert not reader.grown()
    reader.close()
    writer.close()
