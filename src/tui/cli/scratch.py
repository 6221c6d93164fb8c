"""The scratch project of a drill, and the real command on it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from engine.local.project import ProjectPaths
from tui.program import own_command

PATIENCE = 120.0  # seconds one command may take, and what is waited for may take to come


class NotHeld(Exception):
    """A promise that was broken, in words."""


class Drill:
    """The scratch project and the command on it."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.paths = ProjectPaths(folder)
        self._runtime = runtime

    async def ask(self, *words: str) -> tuple[int, Any]:
        """A verb's exit code and its JSON answer; of one that streams, the last line."""
        argv = own_command("--project", str(self.paths.root), "--json", *words)
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(PATIENCE):
                out, _ = await process.communicate()
        except TimeoutError as error:
            raise NotHeld(f"`pilothouse {words[0]}` did not end within {PATIENCE:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        code = process.returncode or 0
        text = out.decode(errors="replace").strip()
        try:
            return code, json.loads(text)
        except ValueError:
            return code, [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    async def run(self, source: str, *words: str) -> tuple[int, Any]:
        """Run a goal without a screen."""
        file = self.paths.root / "goal.yaml"
        await asyncio.to_thread(file.write_text, source)
        return await self.ask("run", str(file), "--runtime", self._runtime, "--allow-unconfined", *words)

    async def goal(self) -> dict[str, Any]:
        """The newest goal, with its tree."""
        goals = (await self.ask("status"))[1]["goals"]
        newest = max(goals, key=lambda goal: goal["created_at"])
        return {**newest, "tree": (await self.ask("tree", newest["id"]))[1]}

    async def alive(self) -> dict[str, Any]:
        """The one sandbox that runs, once it does."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for box in (await self.ask("sandboxes"))[1]:
                if box["state"] == "running":
                    found: dict[str, Any] = box
                    return found
        raise NotHeld("its sandbox did not start")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """An engine of its own, which goes on whatever its goals wait for."""
        argv = own_command("--project", str(self.paths.root), "serve")
        nowhere = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*argv, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        try:
            deadline = time.monotonic() + PATIENCE
            while (await self.ask("status"))[1]["engine"]["state"] != "running":
                held(process.returncode is None and time.monotonic() < deadline, "an engine did not start again")
            yield
        finally:
            await self.ask("stop")
            await _end(process)

    async def kill_engine(self) -> None:
        """SIGKILL: no chance to tidy up."""
        engine = (await self.ask("status"))[1]["engine"]
        held(engine["state"] == "running", "its engine does not run")  # another pid would be somebody else's by now
        os.kill(engine["pid"], signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a process that was told to stop end by itself, and kill one that does not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


def held(fact: bool, otherwise: str) -> None:
    if not fact:
        raise NotHeld(otherwise)
