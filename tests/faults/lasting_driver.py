"""Sandboxes as files: a stand-in at the driver's edge that outlives the engine, as real sandboxes do."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from engine.ids import SafeName, safe_name
from engine.model import DriverName
from engine.sandbox.driver import Chunk, DriverHealth, Exit, OwnedSandbox, SandboxSpec, Started, Stats

LOOK = 0.005  # seconds between looks at a sandbox that goes on
WORK = 0.02  # seconds a `brief` sandbox takes


class LastingDriver:
    """A sandbox lives from its start until it was waited for, stopped or removed. Commands: `exit N`, `brief`, `hang`,
    `make FILE exit N`.

    `ledger` says, over all engines of a project, which sandboxes were made, and which task had two at once.
    """

    name = DriverName.PROCESS
    confined = True
    cuts_network = True

    def __init__(self, folder: Path) -> None:
        self._sandboxes = folder / "sandboxes"
        self._work = folder / "work"
        self._ledger = folder / "ledger"
        self._fresh = folder / "fresh"
        for made in (self._sandboxes, self._fresh):
            made.mkdir(parents=True, exist_ok=True)

    def _note(self, *words: str) -> None:
        append(self._ledger, " ".join(words))

    def _read(self, name: str) -> dict[str, object] | None:
        try:
            found: dict[str, object] = json.loads((self._sandboxes / name).read_text())
        except FileNotFoundError:
            return None
        return found

    def _write(self, name: str, sandbox: dict[str, object]) -> None:
        """Whole or not at all, as a daemon keeps its records."""
        fresh = self._fresh / f"{name}.{os.getpid()}"
        fresh.write_text(json.dumps(sandbox))
        fresh.replace(self._sandboxes / name)

    def _end(self, name: str, code: int | None) -> None:
        found = self._read(name)
        if found is not None and found["live"]:
            self._write(name, found | {"live": False, "code": code})

    async def check(self) -> DriverHealth:
        return DriverHealth("lasting")

    async def require_image(self, image: str) -> str:
        return image

    def work_folder(self, run: str) -> Path:
        return self._work / run

    async def prepare(self, workspace: Path) -> None:
        return None

    async def start(self, spec: SandboxSpec) -> Started:
        if self._read(spec.name) is not None:
            return Started(spec.name, None, adopted=True)
        task = spec.labels["pilothouse.task"]
        others = [self._read(path.name) for path in self._sandboxes.iterdir()]
        if any(other is not None and other["task"] == task and other["live"] for other in others):
            self._note("twice", task)
        match spec.argv[-1].split():
            case ["make", name, *_]:
                (spec.workspace / name).write_text(f"made by {task}\n")
        made = {"task": task, "argv": spec.argv[-1], "live": True, "code": None, "labels": dict(spec.labels)}
        self._write(spec.name, made)
        self._note("made", spec.name, task)
        return Started(spec.name, None, adopted=False)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        return
        yield

    async def wait(self, name: SafeName) -> Exit:
        found = self._read(name)
        if found is None:
            return Exit(None, lost=True)
        match str(found["argv"]).split():
            case ["exit", code] | ["make", _, "exit", code]:
                self._end(name, int(code))
            case ["brief"]:
                await asyncio.sleep(WORK)
                self._end(name, 0)
        while found is not None and found["live"]:
            await asyncio.sleep(LOOK)
            found = self._read(name)
        code = None if found is None else found["code"]
        return Exit(code if isinstance(code, int) else None, 9 if code == 137 else None, lost=found is None)

    async def stop(self, name: SafeName, grace: float) -> None:
        self._end(name, 137)

    async def kill(self, name: SafeName) -> None:
        self._end(name, 137)

    async def interrupt(self, name: SafeName) -> None:
        self._end(name, 130)

    async def pause(self, name: SafeName) -> None:
        self._set_frozen(name, True)

    async def unpause(self, name: SafeName) -> None:
        self._set_frozen(name, False)

    def _set_frozen(self, name: str, frozen: bool) -> None:
        found = self._read(name)
        if found is not None and found["live"]:
            self._write(name, found | {"frozen": frozen})

    async def remove(self, name: SafeName) -> None:
        self._end(name, 137)
        (self._sandboxes / name).unlink(missing_ok=True)

    async def exec(self, name: SafeName, argv: Sequence[str]) -> tuple[int, bytes]:
        return 0, b""

    async def stats(self, name: SafeName) -> Stats:
        return Stats(0.0, 0)

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        owned = []
        for path in sorted(self._sandboxes.iterdir()):
            found = self._read(path.name)
            if found is not None:
                owned.append(OwnedSandbox(safe_name(path.name), None, bool(found["live"]), found["labels"]))
        return owned

    async def close(self) -> None:
        return None


def append(path: Path, line: str) -> None:
    """Add one line in one write; it is there whatever becomes of this process."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)
