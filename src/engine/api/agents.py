"""What an operator sees and does of the agents in their sandboxes: who is there, what they hold, keep and are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import Field

from engine.api.answers import View
from engine.api.requests import Request


class AgentView(View):
    """One live agent. `name` is its task's key; `silent`: seconds since its last sign of life, None before the first;
    `load`: 0 to 1, by its own word; `waits`: sentences about what it waits for."""

    run: str
    name: str
    title: str
    goal: str
    task: str
    role: str
    capabilities: tuple[str, ...] = ()
    state: str
    load: float
    sandbox: str
    frozen: bool = False
    registered_at: datetime
    action: str = ""
    waits: tuple[str, ...] = ()
    silent: float | None = None


class WaiterView(View):
    """Who waits for a lease, in the order in which they get it."""

    run: str
    task_key: str
    priority: int
    since: datetime


class LeaseView(View):
    """A name and the run that holds it; `fence` is its fencing token. `run` None: it is free."""

    name: str
    run: str | None = None
    task_key: str | None = None
    goal: str | None = None
    fence: int | None = None
    acquired_at: datetime | None = None
    expires_at: datetime | None = None
    waiters: tuple[WaiterView, ...] = ()


class CheckpointView(View):
    """A named state of a task. `size` in bytes; `current`: the version the task's state has; `data` only where one is
    shown."""

    id: int
    name: str
    goal: str
    task: str
    task_key: str
    run: str
    version: int
    current: int
    size: int
    at: datetime
    data: dict[str, object] | None = None


class ReleaseLease(Request):
    """Taking a lease away needs a reason."""

    reason: str = Field(min_length=1, max_length=10_000)
    by: str = Field("operator", max_length=200)


class RestoreCheckpoint(Request):
    """`version`: the version of the task's state that is replaced."""

    version: int
    by: str = Field("operator", max_length=200)


class TellAgent(Request):
    """`key`: the same key is the same message."""

    text: str = Field(min_length=1, max_length=50_000)
    by: str = Field("operator", max_length=200)
    key: str | None = Field(None, max_length=100)


class Told(View):
    """A message that lies in an agent's inbox."""

    message: int
    run: str
    task_key: str


class Agents(Protocol):
    """The half of Engine that is about agents."""

    async def agents(self, goal: str | None = None) -> Sequence[AgentView]:
        """Live ones; of one goal or of all."""
        ...

    async def leases(self) -> Sequence[LeaseView]:
        """What is held, and who waits."""
        ...

    async def release_lease(self, name: str, order: ReleaseLease) -> LeaseView:
        """Take it away from its holder, who is told; NotFound when nobody holds it."""
        ...

    async def checkpoints(self, task: str | None = None) -> Sequence[CheckpointView]:
        """Of a task, oldest first, or the newest of all; without their data."""
        ...

    async def checkpoint(self, id: int) -> CheckpointView: ...

    async def restore_checkpoint(self, id: int, order: RestoreCheckpoint) -> CheckpointView:
        """Its task's state becomes this one, whole; StaleVersion when that moved on since `version` (R109)."""
        ...

    async def tell_agent(self, run: str, order: TellAgent) -> Told:
        """Put words into an agent's inbox; Conflict when its run has ended or takes no more."""
        ...
