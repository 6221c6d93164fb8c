"""The small process above each sandbox of the process driver: it outlives the engine and keeps the exit record.

shim ─ keeper ─ command. The keeper is process 1 of the sandbox's PID namespace where there may be one, so that its end
is everybody's end; elsewhere the shim adopts orphans and kills what is left below it. Standard library only.
"""

import json
import os
import selectors
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from engine.redaction import Redactor
from engine.sandbox import process_jail as jail
from engine.sandbox.process_output import Writer
from engine.sandbox.process_records import EXIT, LAUNCH, SHIM, read_record, write_record
from engine.sandbox.process_tree import descendants, read, send

BLOCK = 256 * 1024
PATIENCE = 5.0  # seconds for killed processes to go away, and again for the pipes to run dry after that
CANNOT_RUN = 127
RETRIES = (0.1, 1.0, 5.0, 30.0)  # seconds between attempts to store the exit record


def main() -> None:
    """`FOLDER LOCK`: leave the caller, take charge of the sandbox; the caller goes on once the shim's record stands."""
    folder, lock = Path(sys.argv[-2]), int(sys.argv[-1])
    os.set_inheritable(lock, False)
    told, telling = os.pipe()
    if os.fork() != 0:
        os.close(telling)
        sys.exit(0 if os.read(told, 1) else 1)
    os.setsid()
    os.close(told)
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    jail.adopt_orphans()
    _take_charge(folder, telling)


def _take_charge(folder: Path, telling: int) -> None:
    launch = jail.Launch(**(read_record(folder / LAUNCH) or {}))
    output = Writer(folder, redactor=Redactor(launch.env))
    me = read(os.getpid())
    assert me is not None
    # Above the command: the keeper, and with bubblewrap its monitor and its process 1.
    above = 3 if launch.wrapper else 1
    write_record(folder / SHIM, {"pid": me.pid, "identity": me.identity, "above": above})
    os.write(telling, b".")
    os.close(telling)
    record = _supervise(launch, output)
    output.close()
    _keep_record(folder, {**record, "finished_at": time.time_ns()})


def _keep_record(folder: Path, record: dict[str, object]) -> None:
    """The exit record is worth waiting for room on the disk."""
    for pause in RETRIES:
        try:
            write_record(folder / EXIT, record, durable=True)
            return
        except OSError:
            time.sleep(pause)
    write_record(folder / EXIT, record, durable=True)


def _supervise(launch: jail.Launch, output: Writer) -> dict[str, object]:
    """Run the command to its end and return its exit record."""
    out, err, status = os.pipe(), os.pipe(), os.pipe()
    try:
        if launch.isolate:
            jail.unshare(jail.NEW_PIDS)
        keeper = os.fork()
    except OSError as error:
        return _record(error=f"no process could be started: {error}")
    if keeper == 0:
        _keep(launch, out[1], err[1], status[1])
    for pipe in (out, err, status):
        os.close(pipe[1])
    return _Watch(keeper, output, out[0], err[0], status[0]).run()


def _record(code: int | None = None, number: int | None = None, error: str = "") -> dict[str, object]:
    return {"code": code, "signal": number, "error": error}


def _ending(status: int) -> dict[str, object]:
    code = os.waitstatus_to_exitcode(status)
    return _record(number=-code) if code < 0 else _record(code)


class _Watch:
    """Moves both streams to disk until the command has ended and nobody is left to write."""

    def __init__(self, keeper: int, output: Writer, out: int, err: int, status: int) -> None:
        self._keeper, self._output, self._status = keeper, output, status
        self._marks = {out: b"o", err: b"e"}
        self._report = b""
        self._ended: dict[str, object] | None = None
        wake, woken = os.pipe()
        self._selector = selectors.DefaultSelector()
        for pipe in (out, err, status, wake, woken):
            os.set_blocking(pipe, False)
        for pipe in (out, err, status, wake):
            self._selector.register(pipe, selectors.EVENT_READ)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> dict[str, object]:
        """What the keeper reported, or how it ended when it was killed before it could."""
        while self._is_open(self._status):
            self._step(None)
        self._end_descendants()
        deadline = time.monotonic() + PATIENCE
        # The keeper's pipe closes a moment before the keeper can be collected.
        while (self._ended is None or any(map(self._is_open, self._marks))) and time.monotonic() < deadline:
            self._step(0.1)
        if self._report:
            reported: dict[str, object] = json.loads(self._report.splitlines()[0])
            return reported
        return self._ended or _record(error="the process that kept it failed")

    def _is_open(self, pipe: int) -> bool:
        return pipe in self._selector.get_map()

    def _step(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            with suppress(BlockingIOError):
                self._take(key.fd)
        self._reap()

    def _take(self, pipe: int) -> None:
        data = os.read(pipe, BLOCK)
        if not data:
            self._selector.unregister(pipe)
        elif pipe in self._marks:
            self._output.add(self._marks[pipe], data)
        elif pipe == self._status:
            self._report += data

    def _reap(self) -> None:
        """Collect every process that ended below: orphans come to the shim."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._keeper:
                    self._ended = _ending(found[1])

    def _end_descendants(self) -> None:
        """Kill everything below until nothing is left, for a bounded time, taking what it still prints."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._reap()
            below = [process for _, process in descendants(os.getpid())]
            if not below:
                return
            send(below, signal.SIGKILL)
            self._step(0.01)


def _keep(launch: jail.Launch, out: int, err: int, status: int) -> NoReturn:
    """Start the command, collect every process that ends here, report how the command did."""
    report = _record(error="the process that kept it failed")
    try:
        jail.die_with_parent()
        if launch.isolate:
            jail.enter_own_world(network=launch.network)
        os.dup2(out, 1)
        os.dup2(err, 2)
        command = os.fork()
        if command == 0:
            _run(launch, status)
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2, out, err):
            os.dup2(nothing, stream, inheritable=False)
        report = _collect(command)
    except OSError as error:
        report = _record(error=str(error))
    finally:
        os.write(status, json.dumps(report).encode() + b"\n")
        os._exit(0)


def _collect(command: int) -> dict[str, object]:
    while (found := os.wait())[0] != command:
        pass
    return _ending(found[1])


def _run(launch: jail.Launch, status: int) -> NoReturn:
    """Become the command; when that fails, its own report is there before the keeper's and counts."""
    words = "it could not be started"
    try:
        jail.become(launch)
    except (OSError, ValueError, MemoryError) as error:
        words = f"cannot run {launch.argv[0]!r} in {launch.cwd}: {error}"
    finally:
        os.write(status, json.dumps(_record(CANNOT_RUN, error=words)).encode() + b"\n")
        os._exit(CANNOT_RUN)
