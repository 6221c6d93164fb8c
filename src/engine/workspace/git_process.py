"""One git process: a deadline, a bound for its output, and nothing of it left behind."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Unavailable
from engine.supervisor import begin

log = logging.getLogger(__name__)

REAP_DEADLINE = 10.0  # seconds a killed process group gets to disappear
MOST_WORDS = 2_000  # bytes of git's own complaint that are kept
READ = 65_536


@dataclass(frozen=True)
class Output:
    """What a call gave. `cut`: the output was longer than its bound and the call was ended there."""

    code: int
    out: bytes
    err: str
    cut: bool = False

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "backslashreplace").strip()

    @property
    def paths(self) -> list[bytes]:
        """NUL-separated entries."""
        return [path for path in self.out.split(b"\0") if path]


class GitFailed(Unavailable):
    """git ended with an error; the message holds its words."""


async def call(
    command: Sequence[str | bytes],
    folder: Path,
    environment: dict[str, str],
    stdin: bytes | Path | None,
    deadline: float,
    most: int,
    name: str,
) -> Output:
    """Run git in `folder`. Raises GitFailed when it cannot start or passes its deadline; none of its process group is
    left when this returns, also when it is cancelled."""
    process = await _start(command, folder, environment, stdin)
    try:
        async with asyncio.timeout(deadline):
            return await _talk(process, stdin if isinstance(stdin, bytes) else None, most)
    except TimeoutError as error:
        raise GitFailed(f"git {name} did not end within {deadline:.0f} s", hint="is the disk slow or full?") from error
    finally:
        await _end(process)


async def _start(
    command: Sequence[str | bytes], folder: Path, environment: dict[str, str], stdin: bytes | Path | None
) -> asyncio.subprocess.Process:
    source = await asyncio.to_thread(_input, stdin)
    path = f"{Path(os.fsdecode(command[0])).parent}:/usr/local/bin:/usr/bin:/bin"
    try:
        start = asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment | {"PATH": path},
            stdin=source,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return await begin(start, _end)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise GitFailed(f"git cannot start in {folder}: {error.strerror}", hint="is the folder still there?") from error
    finally:
        if source >= 0:
            os.close(source)


def _input(stdin: bytes | Path | None) -> int:
    match stdin:
        case Path():
            return os.open(stdin, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        case bytes():
            return asyncio.subprocess.PIPE
        case None:
            return asyncio.subprocess.DEVNULL


async def _talk(process: asyncio.subprocess.Process, stdin: bytes | None, most: int) -> Output:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        if stdin is not None and process.stdin is not None:
            group.create_task(_feed(process.stdin, stdin))
        words = group.create_task(_complaint(process.stderr))
        out, cut = await _bounded(process.stdout, most)
        if cut:
            _kill(process)
            await _discard(process.stdout)
        code = await process.wait()
    return Output(code, out, words.result(), cut)


async def _feed(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # git ended early; its exit code says why
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _bounded(pipe: asyncio.StreamReader, most: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = 0
    while part := await pipe.read(READ):
        size += len(part)
        if size > most:
            parts.append(part[: len(part) - (size - most)])
            return b"".join(parts), True
        parts.append(part)
    return b"".join(parts), False


async def _complaint(pipe: asyncio.StreamReader) -> str:
    kept = b""
    while part := await pipe.read(READ):
        kept = (kept + part)[-MOST_WORDS:]
    return kept.decode("utf-8", "backslashreplace")


async def _discard(pipe: asyncio.StreamReader | None) -> None:
    while pipe is not None and await pipe.read(READ):
        pass  # a pipe that is not read to its end keeps its transport open


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # the whole group has ended
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process of the call behind."""
    if process.returncode is not None:
        return
    _kill(process)
    try:
        async with asyncio.timeout(REAP_DEADLINE):
            await _discard(process.stdout)
            await _discard(process.stderr)
            await process.wait()
    except TimeoutError:
        log.error("git process %d does not end although it was killed", process.pid)
