"""R53 as properties: N lines written are N lines stored, or gap markers say how many are missing; case 33, case 34."""

import errno
import os
import re
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import LogLine, LogQuery
from engine.model import Stream
from engine.sandbox.demux import LogDemux
from engine.sandbox.driver import Chunk
from engine.sandbox.log_lines import stamp
from engine.sandbox.logs import RunLog, read_page

NOON = 1_772_366_400_000_000_000
SMALL = 64 * 1024  # bytes of a log: a few dozen of the longer lines
FRAME = 16 * 1024  # bytes a daemon puts into one frame at most
GAP = re.compile(r"(\d+) lines are missing here")

STREAMS = st.sampled_from([Stream.OUT, Stream.ERR])
# Words that the engine itself writes, and what breaks a careless reader: NUL, torn UTF-8, a stored line's own form.
WORDS = st.sampled_from(
    [b"", b"a", b"\0", b"\xc3", b"\xa9 end", b"o2026-03-01T12:00:00.000000001Z x", b"12 lines are missing here", b"\r"]
)
SHORT = SMALL // 8 - 200  # bytes of a line that is not cut
TEXTS = st.builds(lambda word, size: ((word or b"x") * size)[:SHORT], WORDS, st.sampled_from([0, 1, 2, 40, 300, 7_000]))
LINES = st.lists(st.tuples(STREAMS, TEXTS), min_size=1, max_size=40)
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def stored(folder: Path) -> list[LogLine]:
    return list(read_page(folder, "r", LogQuery(limit=50_000)).lines)


def of(lines: Sequence[tuple[Stream, bytes]], stream: Stream) -> list[str]:
    return [text.decode("utf-8", "replace") for source, text in lines if source is stream]


def is_in_order_within(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(any(text == other for other in rest) for text in part)


def no_room(descriptor: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@PROPERTY
@given(lines=LINES, data=st.data())
def test_r53_every_line_is_stored_or_counted_as_missing(lines: list[tuple[Stream, bytes]], data: st.DataObject) -> None:
    """Chunks cut anywhere, restarts, a disk that is full for a while, a bound that is exceeded."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        log = RunLog.open(folder, SMALL)
        for n, (stream, text) in enumerate(lines):
            happens = data.draw(st.sampled_from(["nothing", "nothing", "restart", "full"]))
            if happens == "restart":
                log.close()
                log = RunLog.open(folder, SMALL)
            with mock.patch.object(os, "write", no_room if happens == "full" else os.write):
                for piece in _cut(text + b"\n", data, 2):
                    log.write(Chunk(stream, NOON + n, piece))
        log.seal()
        found = stored(folder)
        missing = sum(int(GAP.match(line.text)[1]) for line in found if line.stream is Stream.GAP)  # type: ignore[index]
        kept = {stream: [line.text for line in found if line.stream is stream] for stream in (Stream.OUT, Stream.ERR)}
        assert sum(map(len, kept.values())) + missing == len(lines)
        assert log.gaps == sum(line.stream is Stream.GAP for line in found)
        for stream, texts in kept.items():
            assert is_in_order_within(texts, of(lines, stream))


LONG = st.builds(lambda text, size: text.ljust(size, b"y"), TEXTS, st.sampled_from([0, 0, 0, FRAME, FRAME + 1, 40_000]))


@PROPERTY
@given(lines=st.lists(st.tuples(STREAMS, LONG), min_size=1, max_size=12), data=st.data())
def test_case_33_case_34_resumed_anywhere_each_line_comes_exactly_once(
    lines: list[tuple[Stream, bytes]], data: st.DataObject
) -> None:
    """What a daemon sends, cut anywhere; a reader that breaks off and asks again gets everything from the start."""
    sent = b"".join(_frames(NOON + n * 1_000, stream, text) for n, (stream, text) in enumerate(lines))
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        log = RunLog.open(folder, 64 * 1024**2)
        for _ in range(data.draw(st.integers(0, 3))):
            _read(log, sent[: data.draw(st.integers(0, len(sent)))], data)
            log.close()
            log = RunLog.open(folder, 64 * 1024**2)
        _read(log, sent, data)
        log.seal()
        found = stored(folder)
        assert [(line.stream, line.text) for line in found] == [
            (stream, text.decode("utf-8", "replace")) for stream, text in lines
        ]
        assert log.gaps == 0


def _frames(at: int, stream: Stream, text: bytes) -> bytes:
    """A line as a daemon sends it: pieces of one stamp, the last one with its newline."""
    source = 1 if stream is Stream.OUT else 2
    whole = text + b"\n"
    pieces = [stamp(at) + b" " + whole[start : start + FRAME] for start in range(0, len(whole), FRAME)]
    return b"".join(bytes((source, 0, 0, 0)) + len(piece).to_bytes(4, "big") + piece for piece in pieces)


def _read(log: RunLog, sent: bytes, data: st.DataObject) -> None:
    """One reading from the position of the log; what never got its newline is left to the next one."""
    demux = LogDemux(log.seen, log.line_limit, anchored=bool(log.seen.newest))
    for piece in _cut(sent, data, 5):
        log.write_lines(demux.feed(piece))


def _cut(whole: bytes, data: st.DataObject, times: int) -> list[bytes]:
    """The bytes in a few pieces."""
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=times)))
    return [whole[start:end] for start, end in pairwise([0, *places, len(whole)]) if start < end]
