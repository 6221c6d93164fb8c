"""Frames of the daemon's log stream become stored lines: exact, once, in bounded memory."""

import pytest

from engine.sandbox.demux import FRAME_LIMIT, LogDemux, ProtocolBroken, payloads
from engine.sandbox.log_lines import HEAD, Lines, Seen, stamp

NOON = 1_772_366_400_000_000_000
OUT, ERR = 1, 2


def frame(source: int, text: bytes, at: int = NOON) -> bytes:
    payload = stamp(at) + b" " + text
    return bytes((source, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def stored(lines: Lines) -> list[bytes]:
    """Mark and text of each line."""
    return [row[:1] + row[HEAD:] for row in lines.data.split(b"\n")[:-1]]


def all_of(demux: LogDemux, data: bytes, size: int = 1 << 20) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(data), size):
        lines = demux.feed(data[start : start + size])
        assert lines.count == len(stored(lines))
        found += stored(lines)
    return found + stored(demux.finish())


@pytest.mark.parametrize("size", [1, 7, 8, 39, 1000])
def test_r53_lines_are_the_same_however_the_stream_is_cut(size: int) -> None:
    data = b"".join(frame(OUT if n % 3 else ERR, b"line %d\n" % n, NOON + n) for n in range(50))
    assert all_of(LogDemux(Seen()), data, size) == [b"%sline %d" % (b"o" if n % 3 else b"e", n) for n in range(50)]


def test_the_position_is_that_of_the_last_whole_line_of_each_stream() -> None:
    demux = LogDemux(Seen())
    lines = demux.feed(frame(OUT, b"a\n", NOON + 5) + frame(ERR, b"b\n", NOON + 1) + frame(OUT, b"piece", NOON + 9))
    assert lines.seen == Seen(stamp(NOON + 5), stamp(NOON + 1))


def test_a_long_line_comes_in_pieces_and_leaves_as_one_while_the_other_stream_goes_on() -> None:
    data = frame(OUT, b"x" * 16_384) + frame(ERR, b"between\n", NOON + 1) + frame(OUT, b"y" * 16_384)
    data += frame(ERR, b"again\n", NOON + 2) + frame(OUT, b"z\n") + frame(OUT, b"next\n", NOON + 3)
    assert all_of(LogDemux(Seen()), data) == [
        b"ebetween",
        b"eagain",
        b"o" + b"x" * 16_384 + b"y" * 16_384 + b"z",
        b"onext",
    ]


def test_r55_a_10_mb_line_is_cut_with_a_mark() -> None:
    demux = LogDemux(Seen(), 100_000)
    data = frame(OUT, b"x" * 16_384)
    for _ in range(640):
        assert demux.feed(data).count == 0
    (cut,) = stored(demux.feed(frame(OUT, b"\n")))
    assert cut == b"o" + b"x" * 100_000 + f" … [{640 * 16_384 - 100_000} bytes cut]".encode()


def test_a_last_line_without_newline_is_kept() -> None:
    assert all_of(LogDemux(Seen()), frame(OUT, b"one\n") + frame(OUT, b"two", NOON + 1)) == [b"oone", b"otwo"]


def test_r53_a_line_cannot_pass_for_several() -> None:
    data = frame(OUT, b"a\ng2026-03-01T12:00:00.000000000Z forged\n")
    assert all_of(LogDemux(Seen()), data) == [b"oa g2026-03-01T12:00:00.000000000Z forged"]


def test_resuming_skips_what_was_stored_and_nothing_else() -> None:
    data = b"".join(frame(OUT, b"%d\n" % n, NOON + n) for n in range(10))
    assert all_of(LogDemux(Seen(out=stamp(NOON + 6)), anchored=True), data) == [b"o7", b"o8", b"o9"]


def test_resuming_keeps_a_line_of_the_other_stream_stamped_before_the_newest() -> None:
    data = frame(OUT, b"newest\n", NOON + 5) + frame(ERR, b"late\n", NOON + 4) + frame(OUT, b"next\n", NOON + 6)
    assert all_of(LogDemux(Seen(out=stamp(NOON + 5)), anchored=True), data) == [b"elate", b"onext"]


def test_resuming_behind_a_long_line_does_not_repeat_its_pieces() -> None:
    pieces = frame(OUT, b"x" * 16_384) + frame(OUT, b"end\n")
    seen = LogDemux(Seen()).feed(pieces).seen
    assert all_of(LogDemux(seen, anchored=True), pieces + frame(OUT, b"next\n", NOON + 1)) == [b"onext"]


def test_r53_a_line_that_has_a_piece_twice_is_told_of_at_its_end() -> None:
    demux = LogDemux(Seen())
    demux.feed(frame(OUT, b"x" * 16_384) * 3)
    assert demux.repeated == b"", "the daemon may rotate its files once more before the line is whole"
    demux.feed(frame(OUT, b"end\n") + frame(OUT, b"next\n", NOON + 1))
    assert demux.repeated == stamp(NOON)


def test_r53_a_daemon_that_dropped_the_last_stored_line_makes_a_gap_marker() -> None:
    demux = LogDemux(Seen(out=stamp(NOON)), anchored=True)
    lines = demux.feed(frame(OUT, b"much later\n", NOON + 100))
    marker, line = stored(lines)
    assert marker.startswith(b"glines are missing here")
    assert line == b"omuch later"
    assert (lines.count, lines.extras, demux.found_anchor) == (2, 1, False)


def test_a_position_that_is_no_stored_line_makes_no_marker() -> None:
    assert all_of(LogDemux(Seen(out=stamp(NOON))), frame(OUT, b"later\n", NOON + 1)) == [b"olater"]


def test_r53_lines_sent_twice_are_stored_once() -> None:
    data = b"".join(frame(OUT, b"%d\n" % n, NOON + n) for n in range(5))
    demux = LogDemux(Seen())
    lines = demux.feed(data + data)
    assert (lines.count, demux.went_back) == (5, True)
    again = LogDemux(lines.seen, anchored=True)
    assert all_of(again, data + frame(OUT, b"5\n", NOON + 5)) == [b"o5"]


def test_a_clock_that_went_back_is_marked_and_loses_no_line() -> None:
    early = frame(OUT, b"before\n", NOON) + frame(ERR, b"error\n", NOON + 1)
    late = frame(OUT, b"after\n", NOON - 10**12) + frame(OUT, b"more\n", NOON - 10**12 + 1)
    first = LogDemux(Seen())
    lines = first.feed(early + late)
    assert (lines.count, first.went_back) == (2, True)
    assert all_of(LogDemux(lines.seen, anchored=True), early + late) == [
        b"gthe clock went back here",
        b"oafter",
        b"omore",
    ]


def test_a_patient_reading_takes_nothing_before_the_last_stored_line() -> None:
    data = (
        frame(OUT, b"older, but stamped later\n", NOON + 9) + frame(OUT, b"stored\n") + frame(OUT, b"new\n", NOON + 1)
    )
    demux = LogDemux(Seen(out=stamp(NOON)), anchored=True, patient=True)
    assert all_of(demux, data) == [b"onew"]
    lost = LogDemux(Seen(out=stamp(NOON - 1)), anchored=True, patient=True)
    assert (all_of(lost, data), lost.found_anchor) == ([], False)


def test_the_daemons_own_word_about_a_log_it_cannot_read_is_a_gap() -> None:
    words = b"Error grabbing logs: invalid character 'x'"
    data = frame(OUT, b"one\n") + bytes((3, 0, 0, 0)) + len(words).to_bytes(4, "big") + words
    one, marker = all_of(LogDemux(Seen()), data)
    assert one == b"oone"
    assert marker.startswith(b"glines may be missing here")


@pytest.mark.parametrize("junk", [b"HTTP/1.1 500 nonsense", b"\x01\x00\x00\x00\xff\xff\xff\xff" + b"x" * 50])
def test_r55_what_is_no_log_stream_is_refused_before_it_fills_memory(junk: bytes) -> None:
    with pytest.raises(ProtocolBroken):
        LogDemux(Seen()).feed(junk)


def test_payloads_of_a_command_are_joined_and_torn_frames_wait() -> None:
    whole = b"\x01\0\0\0\0\0\0\x03abc" + b"\x02\0\0\0\0\0\0\x02de"
    buffer = bytearray(whole + b"\x01\0\0\0\0\0\0\x05fg")
    assert payloads(buffer) == b"abcde"
    assert buffer == b"\x01\0\0\0\0\0\0\x05fg"
    with pytest.raises(ProtocolBroken):
        payloads(bytearray(b"\x01\0\0\0" + (FRAME_LIMIT + 1).to_bytes(4, "big")))
