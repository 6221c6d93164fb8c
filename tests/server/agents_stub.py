"""The `Agents` half of the stub at the protocol's edge: canned answers, every call noted."""

from collections.abc import Sequence

import engine_samples as samples

from engine.api.agents import (
    AgentView,
    CheckpointView,
    LeaseView,
    ReleaseLease,
    RestoreCheckpoint,
    TellAgent,
    Told,
    WaiterView,
)

AGENT = AgentView(
    run="r-1", name="build", title=samples.HARD, goal="g-1", task="t-1", role="work", capabilities=("py",),
    state="busy", load=0.5, sandbox="ph-1", registered_at=samples.NOON, action=samples.HARD, waits=(samples.HARD,),
    silent=1.5,
)  # fmt: skip
LEASE = LeaseView(
    name="db", run="r-1", task_key="build", goal="g-1", fence=3, acquired_at=samples.NOON, expires_at=samples.NOON,
    waiters=(WaiterView(run="r-2", task_key="test", priority=0, since=samples.NOON),),
)  # fmt: skip
CHECKPOINT = CheckpointView(
    id=1, name="half", goal="g-1", task="t-1", task_key="build", run="r-1", version=1, current=2, size=20,
    at=samples.NOON, data={"a": samples.HARD},
)  # fmt: skip
TOLD = Told(message=4, run="r-1", task_key="build")


class AgentsStub:
    def _called(self, *call: object) -> None:
        raise NotImplementedError

    async def agents(self, goal: str | None = None) -> Sequence[AgentView]:
        self._called("agents", goal)
        return (AGENT,)

    async def leases(self) -> Sequence[LeaseView]:
        self._called("leases")
        return (LEASE,)

    async def release_lease(self, name: str, order: ReleaseLease) -> LeaseView:
        self._called("release_lease", name, order)
        return LEASE

    async def checkpoints(self, task: str | None = None) -> Sequence[CheckpointView]:
        self._called("checkpoints", task)
        return (CHECKPOINT,)

    async def checkpoint(self, id: int) -> CheckpointView:
        self._called("checkpoint", id)
        return CHECKPOINT

    async def restore_checkpoint(self, id: int, order: RestoreCheckpoint) -> CheckpointView:
        self._called("restore_checkpoint", id, order)
        return CHECKPOINT

    async def tell_agent(self, run: str, order: TellAgent) -> Told:
        self._called("tell_agent", run, order)
        return TOLD
