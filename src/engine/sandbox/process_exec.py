"""One more command inside a process sandbox, started by the engine and bounded in time and output."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from engine.errors import Invalid, OutcomeUnknown
from engine.sandbox.process_confinement import stdlib_python
from engine.sandbox.process_folders import SandboxFolder
from engine.supervisor import begin

LIMIT = 30.0
OUTPUT = 1024**2


async def run_inside(folder: SandboxFolder, argv: Sequence[str]) -> tuple[int, bytes]:
    """Exit code (128 + n for a signal) and at most the first megabyte of output, both streams together."""
    if not argv or any("\0" in word for word in argv):
        raise Invalid("the command is empty or holds a NUL byte")
    code = "from engine.sandbox.process_enter import main; main()"
    command = stdlib_python(code, str(folder.path), *argv)
    start = asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True, env={}, cwd="/",
    )  # fmt: skip
    process = await begin(start, _end)
    try:
        async with asyncio.timeout(LIMIT):
            assert process.stdout is not None
            output = await _read_bounded(process.stdout)
            return await process.wait(), output
    except TimeoutError as error:
        raise OutcomeUnknown(f"{argv[0]!r} did not end within {LIMIT:g} s") from error
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _read_bounded(stream: asyncio.StreamReader) -> bytes:
    kept = bytearray()
    while data := await stream.read(65536):
        kept += data[: OUTPUT - len(kept)]
    return bytes(kept)
