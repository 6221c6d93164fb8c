"""The operator's own program: argv without a shell, the notice on its stdin, bounded, and nothing of it left behind."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.notify.undelivered import Undelivered

SECONDS = 10.0  # for the whole of it
KEPT = 500  # bytes of what it printed that are told when it fails
READ = 65_536
LARGEST = 60_000  # bytes of a document: a new pipe takes them at once, whether anybody reads or not
LOOK = 0.05  # seconds between looks whether it has ended: what it left behind may hold the pipe
LONGEST_VARIABLE = 4_096  # characters
MARK = "PILOTHOUSE_HOOK"
"""The variable that finds what a program left running, wherever that hangs in the process tree."""
SECRETS = ("PILOTHOUSE_TOKEN", "NTFY_TOKEN", "GITHUB_TOKEN")  # which no notice needs


class Command:
    """`argv`: the program and its arguments; `folder`: where it runs; `secrets`: variables of the engine it does not
    get."""

    def __init__(
        self, argv: Sequence[str], folder: Path, secrets: Sequence[str] = (), seconds: float = SECONDS
    ) -> None:
        self._argv = (str(Path(argv[0]).expanduser()), *argv[1:])
        self._folder = folder
        self._secrets = {*SECRETS, *secrets}
        self._seconds = seconds

    async def run(self, document: bytes, variables: Mapping[str, str], mark: str) -> None:
        """Run it to its end, exit code 0. Raises Undelivered; none of its processes is left when this returns, also
        when it is cancelled."""
        once = _Once(self._argv, self._folder, self._environment(variables) | {MARK: mark}, mark)
        try:
            said, code = await asyncio.to_thread(once.run, document[:LARGEST], self._seconds)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(once.stop))
            raise
        if code != 0:
            words = said.decode("utf-8", "backslashreplace").strip()
            raise Undelivered(f"{once.name} ended with {code}" + (f": {words}" if words else ""))

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in self._secrets}
        return own | {name: value.replace("\0", "")[:LONGEST_VARIABLE] for name, value in variables.items()}


class _Once:
    """One run of it, in a thread of its own; `stop` may be called from another one at any time."""

    def __init__(self, argv: Sequence[str], folder: Path, environment: dict[str, str], mark: str) -> None:
        self.name = Path(argv[0]).name
        self._argv, self._folder, self._environment, self._mark = argv, folder, environment, mark
        self._turn = threading.Lock()
        self._begun = False
        self._stopped = threading.Event()
        self._over = threading.Event()

    def run(self, document: bytes, seconds: float) -> tuple[bytes, int]:
        """The beginning of what it said, and how it ended."""
        with self._turn:
            if self._stopped.is_set():
                raise Undelivered(f"{self.name} was stopped before it began")
            self._begun = True
        try:
            process = subprocess.Popen(
                self._argv, cwd=self._folder, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            self._over.set()
            said = getattr(error, "strerror", None) or str(error)
            raise Undelivered(f"{self.name} cannot be started: {said}", final=True) from error
        try:
            return self._talk(process, document, time.monotonic() + seconds), process.wait()
        except TimeoutError as error:
            raise Undelivered(f"{self.name} did not end within {seconds:g} s") from error
        finally:
            self._end(process)

    def stop(self) -> None:
        """Return once nothing of it is left."""
        with self._turn:
            self._stopped.set()
        if self._begun:  # else no thread has taken it up, and none starts it
            self._over.wait()

    def _talk(self, process: "subprocess.Popen[bytes]", document: bytes, end: float) -> bytes:
        """Until it has ended; what it says beyond the beginning is read and forgotten."""
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # whether it reads that is its own affair
            process.stdin.write(document)
            process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        said, pipe = bytearray(), process.stdout.fileno()
        pipes = [pipe]
        while True:
            ended = process.poll() is not None
            if select.select(pipes, [], [], 0 if ended else LOOK)[0]:
                part = os.read(pipe, READ)
                said += part[: KEPT - len(said)]
                pipes = pipes if part else []
                ended = ended and not (part and len(said) < KEPT)  # there may be more of the beginning
            if ended:
                return bytes(said)
            if time.monotonic() >= end or self._stopped.is_set():
                raise TimeoutError

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(ProcessLookupError):  # the whole group has ended
            os.killpg(process.pid, signal.SIGKILL)
        _kill_marked(self._mark)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._over.set()


def _kill_marked(mark: str) -> None:
    """Whatever carries the mark, those that took a session of their own too; until a look finds none."""
    import psutil

    for _ in range(10):
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):  # gone meanwhile, or somebody else's
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                    process.kill()
                    found = True
        if not found:
            return
