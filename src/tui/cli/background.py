"""An engine that goes on without a terminal: `pilothouse serve` in a session of its own."""

import asyncio
import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.errors import EngineUnavailable, ExitCode
from tui.cli.call import Call
from tui.cli.session import POLL, connect, make_state
from tui.program import own_command

if TYPE_CHECKING:
    from engine.client import RemoteEngine

START = 30.0  # seconds an engine may take to recover and answer
LAST_LINES = 5


async def start_in_background(call: Call) -> "RemoteEngine":
    """Start an engine for this project and attach to it; raises EngineUnavailable with its last words.

    When another process starts one at the same moment, that one is taken.
    """
    make_state(call.paths)
    process = await asyncio.to_thread(_spawn, call)
    deadline = asyncio.get_running_loop().time() + START
    while asyncio.get_running_loop().time() < deadline:
        remote = await connect(call)
        if remote is not None:
            return remote
        if process.poll() == ExitCode.CONFLICT:  # a visit of another verb, or an engine that leaves, was in its way
            process = await asyncio.to_thread(_spawn, call)
        elif process.returncode not in (None, ExitCode.DONE):
            break
        await asyncio.sleep(POLL)
    raise EngineUnavailable(
        f"the engine in the background did not come up{_last_words(call)}",
        hint=f"see {call.paths.engine_log}, or run `{call.command('serve')}` to watch it start",
    )


def _spawn(call: Call) -> "subprocess.Popen[bytes]":
    with call.paths.engine_log.open("ab") as log:
        return subprocess.Popen(
            own_command("--project", str(call.paths.root), "serve"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # its events are in the store; a second copy would grow without bound
            stderr=log,
            start_new_session=True,
            cwd=call.paths.root,
            env=dict(os.environ),
        )


def _last_words(call: Call) -> str:
    with suppress(OSError):
        lines = call.paths.engine_log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return ": " + " / ".join(lines) if lines else ""
    return ""
