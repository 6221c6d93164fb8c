"""The `Agents` half of the frozen engine: nobody is there, what is ordered is noted."""

from collections.abc import Sequence

from engine.api import NoticeOutcome, NoticeView, Presence
from engine.api.agents import AgentView, CheckpointView, LeaseView, ReleaseLease, RestoreCheckpoint, TellAgent, Told
from engine.errors import NotFound


class FrozenAgents:
    calls: list[tuple[str, object]]
    present: tuple[AgentView, ...] = ()
    held: tuple[LeaseView, ...] = ()
    kept: tuple[CheckpointView, ...] = ()

    async def report_presence(self, presence: Presence) -> None:
        self.calls.append(("presence", presence))

    async def notices(self, limit: int = 100) -> tuple[NoticeView, ...]:
        return ()

    async def try_notices(self, by: str = "operator") -> tuple[NoticeOutcome, ...]:
        self.calls.append(("try_notices", by))
        return ()

    async def agents(self, goal: str | None = None) -> Sequence[AgentView]:
        return self.present

    async def leases(self) -> Sequence[LeaseView]:
        return self.held

    async def release_lease(self, name: str, order: ReleaseLease) -> LeaseView:
        self.calls.append(("release_lease", (name, order)))
        return LeaseView(name=name)

    async def checkpoints(self, task: str | None = None) -> Sequence[CheckpointView]:
        return tuple(view for view in self.kept if task in (None, view.task))

    async def checkpoint(self, id: int) -> CheckpointView:
        raise NotFound(f"there is no checkpoint {id}")

    async def restore_checkpoint(self, id: int, order: RestoreCheckpoint) -> CheckpointView:
        raise NotFound(f"there is no checkpoint {id}")

    async def tell_agent(self, run: str, order: TellAgent) -> Told:
        self.calls.append(("tell_agent", (run, order)))
        return Told(message=1, run=run, task_key=run)
