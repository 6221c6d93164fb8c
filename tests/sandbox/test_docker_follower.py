"""The follower against a scripted daemon: breaks, restarts, rotations, ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from engine.errors import DaemonUnavailable, NotFound
from engine.sandbox import docker_logs
from engine.sandbox.docker_logs import LogFollower
from engine.sandbox.log_lines import HEAD, LINE_LIMIT, Seen, stamp
from engine.sandbox.log_stream import LogRequest

SECOND = 1_000_000_000
START = 1_772_366_400 * SECOND  # the first stream is opened then, each later one ten seconds after the one before
FUTURE = START + SECOND


def frame(text: bytes, at: int, source: int = 1) -> bytes:
    payload = stamp(at) + b" " + text
    return bytes((source, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def lines(*numbers: int) -> bytes:
    """Lines a microsecond apart."""
    return b"".join(frame(b"%d\n" % n, FUTURE + n * 1_000) for n in numbers)


class Stream:
    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = list(parts)
        self.ended = False

    async def read(self) -> bytes:
        if self._parts:
            return self._parts.pop(0)
        self.ended = True
        return b""

    def abort(self) -> None:
        self.ended = True


Answer = Sequence[bytes] | Exception


@dataclass
class Daemon:
    """Answers each log request with the next script entry, each look at the container with the next state."""

    answers: list[Answer]
    states: list[bool | Exception]
    pings: list[Exception | None] = field(default_factory=list)
    asked: list[LogRequest] = field(default_factory=list)

    def time_ns(self) -> int:
        return START + max(0, len(self.asked) - 1) * 10 * SECOND

    async def open(self, request: LogRequest) -> Stream:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Stream(answer)

    async def is_running(self) -> bool:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        return state

    async def ping(self) -> None:
        if self.pings and (broken := self.pings.pop(0)) is not None:
            raise broken

    async def all_lines(self, seen: Seen | None = None) -> list[bytes]:
        docker_logs.time = self  # type: ignore[assignment]  # put back by the fixture
        follower = LogFollower(
            self.open,  # type: ignore[arg-type]  # all it uses of a stream is here
            self.is_running,
            self.ping,
            seen or Seen(),
            LINE_LIMIT,
            anchored=seen is not None,
        )
        found = []
        async for block in follower.lines():
            found += [row[:1] + row[HEAD:] for row in block.data.split(b"\n")[:-1]]
        return found


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_logs, "time", docker_logs.time)
    monkeypatch.setattr(docker_logs, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(docker_logs, "SETTLING", (0.0, 0.0))


def expected(*numbers: int) -> list[bytes]:
    return [b"o%d" % n for n in numbers]


GONE = DaemonUnavailable("gone")


async def test_r53_lines_the_stream_left_out_at_the_end_are_read_again() -> None:
    daemon = Daemon([[lines(1, 2)], [lines(1, 2, 3), frame(b"4", FUTURE + 4_000)]], [False])
    assert await daemon.all_lines() == expected(1, 2, 3, 4)
    assert daemon.asked[1].tail is not None


async def test_r53_more_left_out_than_the_last_frames_is_read_from_the_position() -> None:
    daemon = Daemon([[lines(1)], [lines(7, 8)], [lines(1, 2, 3, 4, 5, 6, 7, 8)]], [False])
    assert await daemon.all_lines() == expected(1, 2, 3, 4, 5, 6, 7, 8)


async def test_a_silent_container_has_an_empty_log() -> None:
    assert await Daemon([[], []], [False]).all_lines() == []


async def test_an_ended_stream_of_a_running_container_is_opened_again() -> None:
    daemon = Daemon([[lines(1, 2)], [lines(2, 3)], [lines(1, 2, 3)]], [True, True, False])
    assert await daemon.all_lines() == expected(1, 2, 3)


@pytest.mark.parametrize(
    ("answers", "states"),
    [
        ([GONE, GONE, [lines(1, 2)], [lines(1, 2)]], [False]),
        ([[lines(1)], GONE, [lines(1, 2)], [lines(1, 2)]], [GONE, False]),
        ([[lines(1)], [b"\xff" * 20], [lines(1, 2)], [lines(1, 2)]], [GONE, False]),
        ([[lines(1) + lines(2)[:30]], [lines(1, 2)], [lines(2)]], [GONE, False]),
    ],
)
async def test_r42_a_daemon_that_is_away_never_ends_a_log(
    answers: list[Answer], states: list[bool | Exception]
) -> None:
    daemon = Daemon(answers, states)
    assert await daemon.all_lines() == expected(1, 2)


async def test_r42_a_second_reading_that_broke_off_is_not_believed() -> None:
    daemon = Daemon([[lines(1)], [lines(1, 2)], [lines(1, 2)], [lines(1, 2, 3)]], [False], [GONE])
    assert await daemon.all_lines() == expected(1, 2, 3)


async def test_r53_a_container_removed_under_the_reader_leaves_a_marker() -> None:
    daemon = Daemon([[lines(1), frame(b"half", FUTURE + 9_000)]], [NotFound("gone")])
    *kept, marker = await daemon.all_lines()
    assert kept == [b"o1", b"ohalf"]
    assert marker.startswith(b"glines may be missing here")


async def test_resuming_from_a_stored_line_takes_only_what_is_new() -> None:
    daemon = Daemon([[lines(1, 2, 3)], [lines(1, 2, 3)]], [False])
    assert await daemon.all_lines(Seen(out=stamp(FUTURE + 2_000))) == expected(3)
    assert 0 < daemon.asked[0].since < FUTURE + 2_000


async def test_r53_a_hole_in_the_stream_is_filled_from_the_daemons_files() -> None:
    late = frame(b"900\n", FUTURE + SECOND)
    whole = lines(1, 2, 3, 4) + late
    daemon = Daemon([[lines(1, 2) + late], [whole], [whole]], [False])
    assert await daemon.all_lines() == expected(1, 2, 3, 4, 900)


async def test_r53_a_hole_the_daemon_cannot_fill_is_a_marker() -> None:
    late = frame(b"900\n", FUTURE + SECOND)
    daemon = Daemon([[lines(1, 2)], [late], [late]], [True, True, False])
    first, second, marker, last = await daemon.all_lines()
    assert [first, second, last] == expected(1, 2, 900)
    assert marker.startswith(b"glines are missing here")


async def test_r53_lines_sent_twice_by_a_rotating_daemon_are_stored_once() -> None:
    whole = lines(*range(20))
    daemon = Daemon([[lines(*range(10)) + lines(*range(5, 10))], [whole], [whole]], [False])
    assert await daemon.all_lines() == expected(*range(20))
    assert daemon.asked[1].since == 0


async def test_r53_a_piece_of_a_line_sent_twice_by_a_rotating_daemon_is_stored_once() -> None:
    begun, sent = frame(b"a" * 9, FUTURE + 5_000), frame(b"b" * 9, FUTURE + 5_000)
    whole = lines(1) + begun + sent + frame(b"c\n", FUTURE + 5_000)
    twice = lines(1) + begun + sent + sent + frame(b"c\n", FUTURE + 5_000)
    daemon = Daemon([[twice], [whole], [whole]], [False])
    assert await daemon.all_lines() == [b"o1", b"o" + b"a" * 9 + b"b" * 9 + b"c"]


async def test_r53_a_piece_that_is_printed_twice_is_stored_twice() -> None:
    piece = frame(b"a" * 9, FUTURE + 5_000)
    whole = lines(1) + piece * 3 + frame(b"\n", FUTURE + 5_000)
    daemon = Daemon([[whole], [whole], [whole]], [False])
    assert await daemon.all_lines() == [b"o1", b"o" + b"a" * 27]
    assert len(daemon.asked) == 3


def test_requests_name_exactly_what_is_wanted() -> None:
    target: Callable[[LogRequest], str] = lambda request: request.target("abc")  # noqa: E731
    assert target(LogRequest(follow=True, since=1_500_000_000 * SECOND + 7)).endswith("since=1500000000.000000007")
    assert "follow=0" in target(LogRequest(follow=False, tail=5))
    assert target(LogRequest(follow=False, tail=5)).endswith("tail=5")
