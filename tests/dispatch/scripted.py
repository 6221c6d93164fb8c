"""A scripted stand-in at the driver's edge, and the words that tests of dispatch use."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.api import CreateGoal, GoalView, TreeNode
from engine.errors import NotFound
from engine.events import Event
from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.model import DriverName, Stream
from engine.sandbox.driver import Chunk, DriverHealth, Exit, OwnedSandbox, SandboxSpec, Started, Stats


@dataclass
class ScriptedDriver:
    """Sandboxes that do what their command says: `exit N`, `hang`, `lost`, `oom`, `print TEXT`, `refuse`."""

    name: DriverName = DriverName.PROCESS
    confined: bool = True
    cuts_network: bool = True
    specs: list[SandboxSpec] = field(default_factory=list)
    alive: dict[str, asyncio.Event] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    ends: dict[str, Exit] = field(default_factory=dict)
    interrupted: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    refuses_to_pause: Exception | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    peak: int = 0  # most sandboxes there were at once
    busiest: int = 0  # most of them at work at once: an ended one may still be there to be removed
    over: set[str] = field(default_factory=set)
    root: Path = Path()
    slow_start: asyncio.Event | None = None
    listed: int = 0
    listing: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def check(self) -> DriverHealth:
        return DriverHealth("scripted")

    async def require_image(self, image: str) -> str:
        return image

    def work_folder(self, run: str) -> Path:
        return self.root / "work" / run

    async def prepare(self, workspace: Path) -> None:
        return None

    async def start(self, spec: SandboxSpec) -> Started:
        if self.slow_start is not None:
            await self.slow_start.wait()
        if spec.argv[-1] == "refuse":
            raise OSError("no such device")
        if spec.name in self.alive:
            return Started(spec.name, f"id-{spec.name}", True)
        self.specs.append(spec)
        self.alive[spec.name] = asyncio.Event()
        self.peak = max(self.peak, len(self.alive))
        self.busiest = max(self.busiest, len(self.alive.keys() - self.over))
        return Started(spec.name, f"id-{spec.name}", False)

    def command(self, name: str) -> str:
        return next(spec.argv[-1] for spec in self.specs if spec.name == name)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        command = self.command(name)
        if command.startswith("print ") and after is None:
            yield Chunk(Stream.OUT, 1_700_000_000_000_000_000, command.removeprefix("print ").encode() + b"\n")

    async def wait(self, name: SafeName) -> Exit:
        ended = await self._ended(name)
        self.over.add(name)
        return ended

    async def _ended(self, name: SafeName) -> Exit:
        if name not in self.alive:
            return Exit(None, lost=True)
        command = self.command(name)
        if command.startswith("hang"):
            await self.alive[name].wait()
            if name in self.ends:
                return self.ends[name]
            return Exit(0) if name in self.finished else Exit(137, 9)
        await asyncio.sleep(0)
        match command.split():
            case ["exit", code]:
                return Exit(int(code))
            case ["oom"]:
                return Exit(137, 9, oom=True)
            case ["lost"]:
                return Exit(None, lost=True)
            case _:
                return Exit(0)

    async def stop(self, name: SafeName, grace: float) -> None:
        self.stopped.add(name)
        if name in self.alive:
            self.alive[name].set()

    async def kill(self, name: SafeName) -> None:
        if name in self.alive:
            self.alive[name].set()

    async def interrupt(self, name: SafeName) -> None:
        if self.refuses_to_pause is not None:
            raise self.refuses_to_pause
        async with self.changed:
            self.interrupted.append(name)
            self.changed.notify_all()

    async def pause(self, name: SafeName) -> None:
        if self.refuses_to_pause is not None:
            raise self.refuses_to_pause
        async with self.changed:
            self.frozen.add(name)
            self.changed.notify_all()

    async def unpause(self, name: SafeName) -> None:
        self.frozen.discard(name)

    async def remove(self, name: SafeName) -> None:
        self.alive.pop(name, None)
        self.over.discard(name)

    async def exec(self, name: SafeName, argv: Sequence[str]) -> tuple[int, bytes]:
        return 0, b""

    async def stats(self, name: SafeName) -> Stats:
        if name not in self.alive:
            raise NotFound(f"{name} does not run")
        return Stats(self.cpu.get(name, 0.0), 1024**2)

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        async with self.listing:
            self.listed += 1
            self.listing.notify_all()
        return [OwnedSandbox(SafeName(name), None, True, {}) for name in self.alive]

    async def close(self) -> None:
        return None

    async def listed_at_least(self, times: int) -> None:
        async with self.listing:
            await self.listing.wait_for(lambda: self.listed >= times)

    def end(self, name: str, how: Exit) -> None:
        """Let a hanging sandbox end in this way."""
        self.ends[name] = how
        self.alive[name].set()

    def finish(self, command: str = "hang") -> None:
        """Let every hanging sandbox of this command end well."""
        for name in [spec.name for spec in self.specs if spec.argv[-1] == command and spec.name in self.alive]:
            self.finished.add(name)
            self.alive[name].set()


class Bench:
    """One engine under test, with the words a test needs."""

    patience = 20.0  # seconds until what is waited for counts as never coming

    def __init__(self, engine: LocalEngine, driver: ScriptedDriver) -> None:
        self.engine = engine
        self.driver = driver

    async def goal(self, source: str, **request: object) -> GoalView:
        values = {"source": source, "path": "/goals/goal.yaml", **request}
        return await self.engine.create_goal(CreateGoal.model_validate(values))

    async def until(self, goal: str, holds: Callable[[GoalView, dict[str, str]], bool]) -> GoalView:
        """Wait, event by event, until something holds of the goal and its tasks' states by key."""
        async with asyncio.timeout(self.patience):
            updates = self.engine.subscribe()
            try:
                async for _ in updates:
                    view = (await self.engine.status(goal)).goals[0]
                    if holds(view, await self.states(goal)):
                        await self.heard()
                        return view
            finally:
                await updates.aclose()  # type: ignore[attr-defined]
        raise AssertionError("the stream ended")

    async def heard(self) -> None:
        """What is stored can be read a moment before those who follow commits hear of it: until they have."""
        await self.engine._parts.context.database.write(lambda _: None)

    async def ended(self, goal: str) -> GoalView:
        return await self.until(goal, lambda view, _: view.ended_at is not None)

    async def waiting(self, goal: str, kind: str = "decision") -> GoalView:
        """Until nothing runs and something of this kind holds the goal."""
        return await self.until(goal, lambda view, _: view.waiting and view.waiting_on[0].kind == kind)

    async def states(self, goal: str) -> dict[str, str]:
        found: dict[str, str] = {}
        stack: list[TreeNode] = [await self.engine.tree(goal)]
        while stack:
            node = stack.pop()
            if node.kind != "goal":
                found[node.key] = str(node.state)
            stack.extend(node.children)
        return found

    async def events(self) -> list[Event]:
        return list(await self.engine.events(0, 100_000))


def goal_file(*tasks: dict[str, object], **more: object) -> str:
    """A goal file; JSON is YAML."""
    return json.dumps({"goal": "test", "runtime": "process", "tasks": list(tasks), **more})
