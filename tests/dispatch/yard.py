"""Goals with a real repository under a scripted driver whose sandboxes change their work folders."""

import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripted import Bench, ScriptedDriver, goal_file

from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.sandbox.driver import OwnedSandbox, SandboxSpec, Started

Work = Callable[[Path], None]


@dataclass
class WorkingDriver(ScriptedDriver):
    """Sandboxes that change their work folder when they start."""

    work: Work = lambda folder: None
    left: list[OwnedSandbox] = field(default_factory=list)

    async def start(self, spec: SandboxSpec) -> Started:
        started = await super().start(spec)
        if not started.adopted:
            self.work(spec.workspace)
        return started

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        return [*await super().list_owned(), *self.left]

    async def remove(self, name: SafeName) -> None:
        await super().remove(name)
        self.left = [sandbox for sandbox in self.left if sandbox.name != name]


class Yard(Bench):
    """A bench whose goals have a repository."""

    def __init__(self, engine: LocalEngine, driver: WorkingDriver) -> None:
        super().__init__(engine, driver)
        self.driver: WorkingDriver = driver

    @property
    def project(self) -> Path:
        return self.driver.root

    async def goal_of(self, *tasks: dict[str, object], start: bool = True) -> str:
        source = goal_file(*tasks, repo=str(self.project / "operator"))
        return (await self.goal(source, start=start)).id

    def git(self, goal: str, *words: str) -> str:
        return git(self.project / ".pilothouse" / "git" / f"{goal}.git", *words)

    def folder(self, run: str) -> Path:
        return self.driver.work_folder(run)

    async def sandboxes_gone(self) -> None:
        await self.engine._parts.live.ended()


Open = Callable[..., Awaitable[Yard]]


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=O", "-c", "user.email=o@localhost")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(folder: Path) -> None:
    (folder / "new.txt").write_text("made\n")
