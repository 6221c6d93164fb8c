"""An operator's orders over the control API (the `Orders` half of Engine)."""

from typing import TYPE_CHECKING

from engine.api import EngineInfo, GoalOrder, GoalView, RunView, SandboxOrder, SandboxOutcome
from engine.client.reading import read, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire


class RemoteOrders:
    """Each is one POST; it is never repeated by itself."""

    def __init__(self, wire: "Wire") -> None:
        self._wire = wire

    async def order_goal(self, goal: str, order: GoalOrder, by: str = "operator") -> GoalView:
        return read(GoalView, await self._wire.post(f"/v1/goals/{segment(goal)}/{order}", {"by": by}))

    async def retry(self, ref: str, *, fresh: bool = False, by: str = "operator") -> GoalView:
        return read(GoalView, await self._wire.post(f"/v1/tasks/{segment(ref)}/retry", {"fresh": fresh, "by": by}))

    async def skip(self, ref: str, by: str = "operator") -> GoalView:
        return read(GoalView, await self._wire.post(f"/v1/tasks/{segment(ref)}/skip", {"by": by}))

    async def switch_dispatch(self, on: bool, by: str = "operator") -> EngineInfo:
        return read(EngineInfo, await self._wire.post("/v1/engine/dispatch", {"on": on, "by": by}))

    async def order_sandbox(self, sandbox: str, order: SandboxOrder, by: str = "operator") -> SandboxOutcome:
        body = {"by": by}
        return read(SandboxOutcome, await self._wire.post(f"/v1/sandboxes/{segment(sandbox)}/{order}", body))

    async def interrupt(self, run: str, by: str = "operator") -> RunView:
        return read(RunView, await self._wire.post(f"/v1/runs/{segment(run)}/interrupt", {"by": by}))
