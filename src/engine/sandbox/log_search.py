"""Which lines a regular expression is found in, at a bounded cost whatever the expression is (R55).

Python's `re` may backtrack for ever, and no thread can be taken away from it. So the expression is tried in a process
of its own, which the kernel ends when one batch of lines costs it too much.
"""

import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from engine.api import LogQuery
from engine.errors import Invalid
from engine.sandbox.log_lines import GAP, HEAD, MARKS, stamp_of
from engine.sandbox.log_search_worker import FRAME, TIME
from engine.sandbox.process_confinement import stdlib_python

BATCH = 128 * 1024  # bytes of lines that are tried at once; one line may be longer
ROWS = 4096  # and so many lines at most
PAGE_TIME = 5.0  # seconds of searching after which a page ends, to be gone on with by the next one

Numbered = tuple[int, bytes]


class Search:
    """One expression and the process it is tried in, which begins with the first lines and ends with `close`."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def found_in(self, texts: Sequence[bytes]) -> Sequence[int]:
        """For each text whether the expression is found in it. Blocks. Raises Invalid when that costs too much."""
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        answer = b""
        with suppress(OSError, ValueError):  # it has ended: by its limits, or because `close` was faster
            process.stdin.write(_framed(b"\n".join(texts)))
            process.stdin.flush()
            answer = process.stdout.read(len(texts))
        if len(answer) != len(texts):
            raise Invalid(
                f"--grep took more than {TIME:g} s over one part of the log",
                hint="avoid nested repetition such as (a+)+ and .* before .*",
            )
        return answer

    def close(self) -> None:
        """End the process, also within a search."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise Invalid("the search is over")
            process = subprocess.Popen(
                stdlib_python("from engine.sandbox.log_search_worker import main; main()"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, close_fds=True,
            )  # fmt: skip
            self._process = process
        assert process.stdin is not None
        with suppress(OSError, ValueError):  # `close` may be faster here, too; whoever asks hears of it below
            process.stdin.write(_framed(self._pattern.encode()))
        return process


def _framed(data: bytes) -> bytes:
    return FRAME.pack(len(data)) + data


class Sieve:
    """Lets the lines through that a query wants. Gap markers pass every expression and belong to each stream, as nobody
    knows whose lines are missing. `stopped_at`: the last line looked at, when the time of a page was over before all
    lines were."""

    def __init__(self, query: LogQuery, search: Search | None) -> None:
        self._marks = None if query.stream is None else (MARKS[query.stream], GAP)
        self._since = b"" if query.since is None else stamp_of(query.since)
        self._search = search
        self.stopped_at: int | None = None

    def passing(self, lines: Iterable[Numbered]) -> Iterator[Numbered]:
        """Numbered stored lines that are wanted, in the order they come."""
        if self._marks is not None or self._since:
            lines = (line for line in lines if self._wants(line[1]))
        return iter(lines) if self._search is None else self._found(self._search, lines)

    def _wants(self, raw: bytes) -> bool:
        return (self._marks is None or raw[:1] in self._marks) and raw[1 : HEAD - 1] >= self._since

    def _found(self, search: Search, lines: Iterable[Numbered]) -> Iterator[Numbered]:
        until = time.monotonic() + PAGE_TIME
        for batch in _batches(lines):
            found = search.found_in([raw[HEAD:] for _, raw in batch])
            yield from (line for line, hit in zip(batch, found, strict=True) if hit or line[1][:1] == GAP)
            if time.monotonic() >= until:
                self.stopped_at = batch[-1][0]
                return


def _batches(lines: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    batch: list[Numbered] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line[1])
        if size >= BATCH or len(batch) >= ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
