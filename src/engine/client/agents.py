"""Agents, leases, checkpoints and messages over the control API (the `Agents` half of Engine)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from engine.api.agents import AgentView, CheckpointView, LeaseView, ReleaseLease, RestoreCheckpoint, TellAgent, Told
from engine.client.reading import read, read_all, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire

AGENTS: TypeAdapter[tuple[AgentView, ...]] = TypeAdapter(tuple[AgentView, ...])
LEASES: TypeAdapter[tuple[LeaseView, ...]] = TypeAdapter(tuple[LeaseView, ...])
CHECKPOINTS: TypeAdapter[tuple[CheckpointView, ...]] = TypeAdapter(tuple[CheckpointView, ...])


class RemoteAgents:
    _wire: "Wire"

    async def agents(self, goal: str | None = None) -> Sequence[AgentView]:
        return read_all(AGENTS, await self._wire.get("/v1/agents", {} if goal is None else {"goal": goal}))

    async def leases(self) -> Sequence[LeaseView]:
        return read_all(LEASES, await self._wire.get("/v1/leases"))

    async def release_lease(self, name: str, order: ReleaseLease) -> LeaseView:
        return read(LeaseView, await self._wire.post(f"/v1/leases/{segment(name)}/release", order))

    async def checkpoints(self, task: str | None = None) -> Sequence[CheckpointView]:
        return read_all(CHECKPOINTS, await self._wire.get("/v1/checkpoints", {} if task is None else {"task": task}))

    async def checkpoint(self, id: int) -> CheckpointView:
        return read(CheckpointView, await self._wire.get(f"/v1/checkpoints/{id}"))

    async def restore_checkpoint(self, id: int, order: RestoreCheckpoint) -> CheckpointView:
        return read(CheckpointView, await self._wire.post(f"/v1/checkpoints/{id}/restore", order))

    async def tell_agent(self, run: str, order: TellAgent) -> Told:
        return read(Told, await self._wire.post(f"/v1/runs/{segment(run)}/message", order))
