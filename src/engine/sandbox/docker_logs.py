"""Every line of a container's output, once, through stream ends and daemon restarts (HARDENING fact 8)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import Enum
from itertools import pairwise

from engine.errors import NotFound, Unavailable
from engine.sandbox.demux import LogDemux, ProtocolBroken
from engine.sandbox.log_lines import GAP, HEAD, NANO, Lines, Seen, line, parse_stamp, stamp
from engine.sandbox.log_stream import LogRequest, LogStream

OVERLAP = NANO  # what is read again after a break: the two streams of a sandbox are not stamped in one order
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds before the next attempt
HOLE = NANO // 20  # the daemon writes no file of 10 MB faster than this, so a file left out is a jump at least as long
SETTLING = (0.01, 0.02, 0.05, 0.2, 1.0)  # seconds before each look: a log ends a moment before its container has ended
LAST = 500  # frames at the end of a log that are read again; with them the daemon need not decode all of it
REMOVED = b"lines may be missing here: the container was removed before its log was read to the end"

OpenStream = Callable[[LogRequest], Awaitable[LogStream]]
IsRunning = Callable[[], Awaitable[bool]]
Ping = Callable[[], Awaitable[None]]


class Part(Enum):
    """What is being read: the log as it grows, its last frames after the end, all of its rest, nothing more."""

    LIVE, LAST, REST, DONE = range(4)


class LogFollower:
    """Reads one container's log from a position to its end, asking again as long as the daemon is away.

    The end of a stream proves nothing: a daemon that dies ends it, and a daemon that lives ends it before the last
    lines when the container ends. So the log's end is where a second reading, made when an inspection has said that the
    container does not run any more, ends. What was stored is skipped; the last stored line must come again, or the
    daemon has dropped lines and a gap marker says so.

    A daemon that rotates its files faster than it is read leaves out whole files without a word. Such a hole is a
    jump in time behind a line that came late; the log is then read again from the line before it. The same is done for
    a line that has a piece twice: a daemon that rotates its files sends some of them again.
    """

    def __init__(
        self, open_stream: OpenStream, is_running: IsRunning, ping: Ping, seen: Seen, line_limit: int, *, anchored: bool
    ) -> None:
        """`anchored`: the position is that of a stored line."""
        self._open = open_stream
        self._is_running = is_running
        self._ping = ping
        self._seen = seen
        self._anchored = anchored
        self._line_limit = line_limit
        self._demux = LogDemux(seen, line_limit)
        self._held: list[Lines] = []
        self._opened = 0
        self._again = False
        self._doubted: Seen | None = None
        self._came = 0  # when the newest line came, in nanoseconds since the epoch

    async def lines(self) -> AsyncGenerator[Lines, None]:
        """Stored lines, in blocks. Cancel it, or wait for the end."""
        part, pause = Part.LIVE, FIRST_PAUSE
        while part is not Part.DONE:
            before = self._seen
            try:
                request = self._begin(part)
                stream = await self._open(request)
                try:
                    while (data := await stream.read()) or not stream.ended:
                        lines = self._fed(part, data) if data else None
                        if lines is not None:
                            yield lines
                        if self._again or (part is Part.LIVE and not data and not await self._is_running()):
                            break
                finally:
                    stream.abort()
                part = await self._after(part)
            except NotFound:
                self._held = [self._demux.finish(), Lines(line(GAP, stamp(time.time_ns()), REMOVED), 1, 1, self._seen)]
                part = Part.DONE
            except (Unavailable, ProtocolBroken):
                part, self._held = Part.LIVE, []  # not an end: the next attempt goes on from the last line
            for lines in self._held:
                yield lines
            if part is Part.LIVE and not self._again:
                pause = FIRST_PAUSE if self._seen != before else min(LONGEST_PAUSE, pause * 2)
                await asyncio.sleep(pause)

    def _begin(self, part: Part) -> LogRequest:
        """What to ask for, with everything ready to take the answer."""
        from_start = self._demux.went_back  # only the order of lines tells where the last one is
        patient = part is Part.LAST
        self._demux = LogDemux(self._seen, self._line_limit, anchored=self._anchored, patient=patient)
        self._opened = time.time_ns()  # the files of before are open from here on and cannot rotate away
        self._again, self._held = False, []
        if part is Part.LAST:
            return LogRequest(follow=False, tail=LAST)
        newest = b"" if from_start else self._seen.newest
        return LogRequest(part is Part.LIVE, since=max(0, parse_stamp(newest) - OVERLAP) if newest else 0)

    def _fed(self, part: Part, data: bytes) -> Lines | None:
        """The lines that `data` completes, if they can be believed already."""
        lines = self._demux.feed(data)
        if part is Part.LAST:
            self._held.append(lines)
            return None
        if part is Part.LIVE and (self._holed(lines) or self._repeated()):
            self._again = True
            return None
        self._again = self._demux.went_back
        if not lines.count:
            return None
        self._seen, self._anchored, self._came = lines.seen, True, time.time_ns()
        return lines

    async def _after(self, part: Part) -> Part:
        """What to read next, now that this part has been read."""
        held, self._held = self._held, []
        if self._again:
            return Part.LIVE
        if part is Part.LIVE:
            if not await self._has_ended():
                return Part.LIVE
            return Part.LAST if self._anchored else Part.REST
        if part is Part.LAST and (self._demux.went_back or not self._demux.found_anchor):
            return Part.REST
        await self._ping()  # a daemon that still answers did not cut the reading short
        self._held = [*held, self._demux.finish()]
        return Part.DONE

    def _holed(self, lines: Lines) -> bool:
        """Whether lines may be missing in this block or before it: it came late, and time jumps by HOLE or more.

        A position is doubted once only: what comes the second time is what there is.
        """
        if not lines.count or self._seen == self._doubted:
            return False
        last = parse_stamp(self._seen.newest) if self._anchored else None
        newest = parse_stamp(lines.seen.newest)
        if newest < self._opened or (last is not None and newest - last < HOLE):
            return False
        stamps = sorted(parse_stamp(row[1 : HEAD - 1]) for row in lines.data.split(b"\n")[:-1])
        within = any(after - before >= HOLE for before, after in pairwise(stamps) if after > self._opened)
        before = last is not None and self._came - last >= HOLE and stamps[0] - last >= HOLE
        if within or before:
            self._doubted = self._seen
        return within or before

    def _repeated(self) -> bool:
        """Whether a line that began since the log was opened may hold a piece twice; asked once per position, and of
        whole lines: before its end a second reading could meet the next rotation."""
        repeated = self._demux.repeated
        if not repeated or self._seen == self._doubted or parse_stamp(repeated) < self._opened:
            return False
        self._doubted = self._seen
        return True

    async def _has_ended(self) -> bool:
        """Whether the container has ended, given a moment to say so."""
        for pause in SETTLING:
            await asyncio.sleep(pause)
            if not await self._is_running():
                return True
        return False
