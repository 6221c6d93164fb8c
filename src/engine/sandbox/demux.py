"""The daemon's multiplexed output: an 8-byte header, a payload. Log payloads become stored lines in one pass.

A frame's header is the stream, three zeros, the payload's size in four bytes. With `timestamps` a log payload is a
stamp, a space, and one line with its newline, or a piece of a longer line without. The walk over the headers is all the
work done per line: a stamp is compared and never parsed, and the text is neither searched nor decoded.
"""

from struct import Struct

from engine.sandbox.log_lines import ERR, GAP, LINE_LIMIT, OUT, STAMP, Joiner, Lines, Seen, line, stamp

HEADER = 8
SIZE = Struct(">I")
FRAME_LIMIT = 4 * 1024**2  # the daemon sends 16 KiB at most; anything near this is not a log
MARK = {1: OUT, 2: ERR}
PIECES = 4096  # of one line that are remembered: 64 MB
NEWLINE, ZULU = b"\nZ"
LOST = b"lines are missing here, nobody knows how many: the daemon dropped them before they were read"
BACK = b"the clock went back here"
UNREADABLE = b"lines may be missing here: the daemon could not read its log: "


class ProtocolBroken(Exception):
    """The stream is not what a daemon sends; read it again from the last good line."""


def payloads(buffer: bytearray) -> bytes:
    """Take every whole frame off the front of the buffer; the payloads of all streams, joined."""
    found, at = [], 0
    while len(buffer) - at >= HEADER:
        end = at + HEADER + _size(buffer, at)
        if end > len(buffer):
            break
        found.append(bytes(buffer[at + HEADER : end]))
        at = end
    del buffer[:at]
    return b"".join(found)


def _size(data: bytes | bytearray, at: int) -> int:
    size: int = SIZE.unpack_from(data, at + 4)[0]
    if size > FRAME_LIMIT or data[at] > 3:
        raise ProtocolBroken(f"frame header {bytes(data[at : at + HEADER])!r}")
    return size


class LogDemux:
    """Frames of one log stream in, whole stored lines after the position `seen` out.

    With `anchored`, the line at the position itself must come again (`found_anchor`: it did) and what follows it is
    new; when something newer comes first, the daemon's own files have rotated past it and a gap marker says so. A
    `patient` one takes nothing at all before that line.
    Stamps of one stream rise. One that does not was sent before (a daemon that rotates its files under a reader does
    that), or the clock was set back: `went_back` asks for a new reading from the last line, and only what directly
    follows that line may be older than it. The pieces of a line have one stamp, so one that comes a second time was
    sent twice or printed twice: `repeated` is the stamp of the newest whole line of which this is true.
    """

    def __init__(
        self, seen: Seen, line_limit: int = LINE_LIMIT, *, anchored: bool = False, patient: bool = False
    ) -> None:
        self._done = {1: seen.out, 2: seen.err}  # the newest whole line per stream before this reading
        self._last = dict(self._done)  # and so far
        self._anchor = seen.newest if anchored else b""
        self._seeking = bool(seen.newest)
        self._patient = patient
        self.found_anchor = False
        self.went_back = False
        self.repeated = b""
        self._pieces: dict[bytes, set[int]] = {}  # hashes of the first PIECES of each pending line
        self._twice: set[bytes] = set()  # pending lines that had one of them again
        self._rest = b""
        self._joiner = Joiner(line_limit)
        self._markers = 0

    @property
    def seen(self) -> Seen:
        return Seen(self._last[1], self._last[2])

    def feed(self, data: bytes) -> Lines:
        """The lines that `data` completes; none from where the stream `went_back`."""
        if self._rest:
            data = self._rest + data
        out: list[bytes] = []
        add, unpack, last, pending = out.append, SIZE.unpack_from, self._last, self._joiner.pending
        count = at = self._markers = 0
        length = len(data)
        while length - at >= HEADER and not self.went_back:
            body = at + HEADER
            end = body + unpack(data, at + 4)[0]
            if end > length:
                _size(data, at)
                break
            source = data[at]
            when = data[body : body + STAMP]
            if (
                source in last
                and when > last[source]
                and data[end - 1] == NEWLINE
                and when[-1] == ZULU
                and not pending
                and not self._seeking
            ):
                last[source] = when
                add(OUT if source == 1 else ERR)
                add(data[body:end])
                count += 1
            else:
                count += self._unusual(data, at, end, out)
            at = end
        self._rest = data[at:]
        return Lines(_one_line_each(out, count), count, self._markers, self.seen)

    def finish(self) -> Lines:
        """The output has ended: what never got its newline is a line."""
        out = []
        for mark, when, stored in self._joiner.end_all():
            self._last[1 if mark == OUT else 2] = when
            out.append(stored)
        return Lines(b"".join(out), len(out), 0, self.seen)

    def _unusual(self, data: bytes, at: int, end: int, out: list[bytes]) -> int:
        """A frame that is not simply the next whole line; how many stored lines it made."""
        _size(data, at)
        source, payload = data[at], data[at + HEADER : end]
        when, text = payload[:STAMP], payload[STAMP + 1 :]
        if source not in MARK or payload[STAMP - 1 : STAMP + 1] != b"Z ":
            return self._marker(out, max(self._last.values()), UNREADABLE + payload.strip()[:200])
        known = self._last[source] == self._done[source]
        if known and (when == self._done[source] or (self._seeking and when < self._done[source])):
            if when == self._anchor:
                self._seeking, self.found_anchor = False, True
            return 0
        mark, made = MARK[source], 0
        if self._seeking and self._patient:
            return 0
        if self._seeking:
            self._seeking = False
            made += self._marker(out, when, LOST) if self._anchor else 0
        if mark in self._joiner.pending:
            return made + self._continue(source, text, out)
        if when <= self._last[source]:
            if not (self.found_anchor and known):
                self.went_back = True
                return made
            made += self._marker(out, when, BACK)
        if not text.endswith(b"\n"):
            self._joiner.add(mark, when, text)
            self._pieces[mark] = {hash(text)}
            self._twice.discard(mark)
            return made
        out += (mark, payload)
        self._last[source] = when
        return made + 1

    def _continue(self, source: int, text: bytes, out: list[bytes]) -> int:
        """The next piece of a line; its stamp is that of the first one."""
        mark = MARK[source]
        if not text.endswith(b"\n"):
            self._look_for_repeat(mark, text)
            self._joiner.add(mark, b"", text)
            return 0
        self._last[source], stored = self._joiner.end(mark, text[:-1])
        if mark in self._twice:
            self.repeated = self._last[source]
        out.append(stored)
        return 1

    def _look_for_repeat(self, mark: bytes, text: bytes) -> None:
        pieces = self._pieces[mark]
        if hash(text) in pieces:
            self._twice.add(mark)
        elif len(pieces) < PIECES:
            pieces.add(hash(text))

    def _marker(self, out: list[bytes], when: bytes, text: bytes) -> int:
        self._markers += 1
        out.append(line(GAP, when or stamp(0), text))
        return 1


def _one_line_each(pieces: list[bytes], count: int) -> bytes:
    """The pieces joined; a newline within one becomes a space, or its line could pass for several of any kind."""
    stored = b"".join(pieces)
    if stored.count(b"\n") == count:
        return stored
    return b"".join(piece[:-1].replace(b"\n", b" ") + piece[-1:] for piece in pieces)
