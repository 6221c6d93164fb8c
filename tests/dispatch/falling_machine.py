"""A machine whose sandboxes are lost all at once, and whose daemon is away for a while."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripted import Bench, ScriptedDriver

from engine.api import DecisionView
from engine.errors import DaemonUnavailable
from engine.ids import SafeName
from engine.model import BreakerState, DecisionKind
from engine.sandbox.driver import DriverHealth, Exit, SandboxSpec, Started


@dataclass
class FallingMachine(ScriptedDriver):
    """`down`: no sandbox starts; `silent`: nothing answers at all. `tried` counts what was refused."""

    down: bool = False
    silent: bool = False
    tried: int = 0
    gone: set[str] = field(default_factory=set)

    async def check(self) -> DriverHealth:
        if self.silent:
            self.tried += 1
            raise DaemonUnavailable("no container daemon answers")
        return await super().check()

    async def start(self, spec: SandboxSpec) -> Started:
        if self.down:
            self.tried += 1
            raise DaemonUnavailable("no container daemon answers")
        return await super().start(spec)

    async def wait(self, name: SafeName) -> Exit:
        ended = await super().wait(name)
        return Exit(None, lost=True) if name in self.gone else ended

    def fall(self) -> None:
        """Lose everything that lives, and start nothing more."""
        self.down = True
        for name in list(self.alive):
            self.gone.add(name)
            self.alive.pop(name).set()


async def breaker_is(bench: Bench, state: BreakerState) -> None:
    async with asyncio.timeout(20):
        updates = bench.engine.subscribe()
        try:
            async for _ in updates:
                if (await bench.engine.info()).breaker is state:
                    return
        finally:
            await updates.aclose()  # type: ignore[attr-defined]


async def tried(bench: Bench, machine: FallingMachine, times: int) -> None:
    """Until so many starts were refused by the machine."""
    async with asyncio.timeout(20):
        updates = bench.engine.subscribe()
        try:
            async for _ in updates:
                if machine.tried >= times:
                    return
        finally:
            await updates.aclose()  # type: ignore[attr-defined]


async def question(bench: Bench) -> DecisionView:
    (found,) = [d for d in await bench.engine.decisions() if d.kind is DecisionKind.INFRASTRUCTURE]
    return found


def leaves(count: int, run: str = "hang") -> Sequence[dict[str, object]]:
    tasks = [{"id": f"t{n}", "run": run} for n in range(count)]
    return [{"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}]


def running(count: int) -> Callable[[object, dict[str, str]], bool]:
    return lambda _, states: list(states.values()).count("running") == count + 1
