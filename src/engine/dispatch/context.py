"""What every part of dispatch shares, given once at construction."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from engine.clock import Clock
from engine.dispatch.egress.reach import Reach
from engine.dispatch.exchange import Exchange
from engine.dispatch.limits.memory import HostMemory, MemoryRoom
from engine.errors import DaemonUnavailable
from engine.ids import IdSource
from engine.metrics import Metrics
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox.driver import Driver
from engine.settings import Settings
from engine.store import Database
from engine.supervisor import Crew
from engine.workspace import GoalRepository


@dataclass(eq=False)
class Context:
    """One engine's parts. `settings` alone is ever replaced, whole, by what an operator sets live.
    `random` jitters waits; `drivers` holds what this machine offers;
    `watched` says whether anybody follows the events; `memory` measures the host, None: it is not asked;
    `reach` is how it goes outside for a sandbox."""

    engine: str
    database: Database
    clock: Clock
    ids: IdSource
    random: Random
    settings: Settings
    paths: ProjectPaths
    drivers: Mapping[DriverName, Driver]
    crew: Crew
    watched: Callable[[], bool] = lambda: False
    memory: Callable[[], HostMemory | None] = lambda: None
    metrics: Metrics = field(default_factory=lambda: Metrics(time.monotonic))
    exchange: Exchange = field(default_factory=Exchange)
    reach: Reach = field(default_factory=Reach)

    def driver(self, name: DriverName) -> Driver:
        """The driver, or DaemonUnavailable when this engine was opened without it."""
        driver = self.drivers.get(name)
        if driver is None:
            raise DaemonUnavailable(f"this engine has no {name} driver", hint="start it with --runtime auto")
        return driver

    def memory_room(self) -> MemoryRoom | None:
        """What sandboxes may take of the host as it is; None when it is not asked."""
        host = self.memory()
        return None if host is None else MemoryRoom(host, self.settings.engine.memory_reserve)

    def repository(self, goal: str, branch: str | None) -> GoalRepository | None:
        """Our own repository of a goal that has one."""
        return None if branch is None else GoalRepository(self.paths.goal_repository(goal), branch)
