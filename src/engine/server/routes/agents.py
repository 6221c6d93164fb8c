"""Agents in their sandboxes: who is there, what they hold and keep, and words to them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path

from engine.api.agents import AgentView, CheckpointView, LeaseView, ReleaseLease, RestoreCheckpoint, TellAgent, Told
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["agents"])
CheckpointId = Annotated[int, Path(ge=1, le=2**62)]


@router.get("/agents")
async def agents(engine: TheEngine, goal: str | None = None) -> Sequence[AgentView]:
    """Live agents of one goal, or of all."""
    return await engine.agents(goal)


@router.get("/leases")
async def leases(engine: TheEngine) -> Sequence[LeaseView]:
    """What is held, by whom, and who waits for it."""
    return await engine.leases()


@router.post("/leases/{ref}/release")
async def release(engine: TheEngine, ref: Ref, body: ReleaseLease) -> LeaseView:
    """Take a lease away from its holder, who is told."""
    return await engine.release_lease(ref, body)


@router.get("/checkpoints")
async def checkpoints(engine: TheEngine, task: str | None = None) -> Sequence[CheckpointView]:
    """Checkpoints of a task, oldest first, or the newest of all."""
    return await engine.checkpoints(task)


@router.get("/checkpoints/{checkpoint}")
async def checkpoint(engine: TheEngine, checkpoint: CheckpointId) -> CheckpointView:
    """One with its data."""
    return await engine.checkpoint(checkpoint)


@router.post("/checkpoints/{checkpoint}/restore")
async def restore(engine: TheEngine, checkpoint: CheckpointId, body: RestoreCheckpoint) -> CheckpointView:
    """Its task's state becomes this one; refused when that moved on since `version`."""
    return await engine.restore_checkpoint(checkpoint, body)


@router.post("/runs/{ref}/message")
async def message(engine: TheEngine, ref: Ref, body: TellAgent) -> Told:
    """Words into the inbox of a live agent."""
    return await engine.tell_agent(ref, body)
