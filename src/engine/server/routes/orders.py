"""An operator's orders: goals, tasks, sandboxes, and dispatch as a whole."""

from fastapi import APIRouter

from engine.api import EngineInfo, GoalOrder, GoalView, RunView, SandboxOrder, SandboxOutcome
from engine.server.bodies import Ordered, Retry, SwitchDispatch
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["orders"])


@router.post("/goals/{ref}/pause")
async def pause(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> GoalView:
    """Nothing new starts in it; what runs goes on."""
    return await engine.order_goal(ref, GoalOrder.PAUSE, (body or Ordered()).by)


@router.post("/goals/{ref}/resume")
async def resume(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> GoalView:
    """Take a pause or a drain back, at once."""
    return await engine.order_goal(ref, GoalOrder.RESUME, (body or Ordered()).by)


@router.post("/goals/{ref}/drain")
async def drain(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> GoalView:
    """Nothing new starts in it, and it is paused once what runs has ended."""
    return await engine.order_goal(ref, GoalOrder.DRAIN, (body or Ordered()).by)


@router.post("/tasks/{ref}/retry")
async def retry(engine: TheEngine, ref: Ref, body: Retry | None = None) -> GoalView:
    """A new run of what failed; of a group, each failed task in it. Answers with the goal."""
    body = body or Retry()
    return await engine.retry(ref, fresh=body.fresh, by=body.by)


@router.post("/tasks/{ref}/skip")
async def skip(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> GoalView:
    """Go on without one task. Answers with the goal."""
    return await engine.skip(ref, (body or Ordered()).by)


@router.post("/sandboxes/{ref}/freeze")
async def freeze(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> SandboxOutcome:
    """It stands still, and so do its time limits."""
    return await engine.order_sandbox(ref, SandboxOrder.FREEZE, (body or Ordered()).by)


@router.post("/sandboxes/{ref}/thaw")
async def thaw(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> SandboxOutcome:
    return await engine.order_sandbox(ref, SandboxOrder.THAW, (body or Ordered()).by)


@router.post("/sandboxes/{ref}/kill")
async def kill(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> SandboxOutcome:
    """End a run without its cooperation; its task then asks whether it runs again."""
    return await engine.order_sandbox(ref, SandboxOrder.KILL, (body or Ordered()).by)


@router.post("/sandboxes/{ref}/remove")
async def remove(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> SandboxOutcome:
    """Remove what is left of a sandbox that has ended or belongs to no run."""
    return await engine.order_sandbox(ref, SandboxOrder.REMOVE, (body or Ordered()).by)


@router.post("/runs/{ref}/interrupt")
async def interrupt(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> RunView:
    """INT to the main process of its sandbox, which ends by it or goes on."""
    return await engine.interrupt(ref, (body or Ordered()).by)


@router.post("/engine/dispatch")
async def dispatch(engine: TheEngine, body: SwitchDispatch) -> EngineInfo:
    """The kill switch: while it is off nothing starts in any goal; what runs is not touched."""
    return await engine.switch_dispatch(body.on, body.by)
