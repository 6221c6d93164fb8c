"""Goals: make, look, start, cancel."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from engine.api import CreateGoal, Engine, GoalView, TreeNode
from engine.errors import NotFound
from engine.server.bodies import Cancel
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["goals"])


@router.get("/goals")
async def goals(engine: TheEngine) -> Sequence[GoalView]:
    return (await engine.status()).goals


@router.post("/goals", status_code=201)
async def create(engine: TheEngine, body: CreateGoal, response: Response) -> GoalView:
    """A goal from the text of a goal file, started unless `start` is false."""
    goal = await engine.create_goal(body)
    response.headers["location"] = f"/v1/goals/{goal.id}"
    return goal


@router.get("/goals/{ref}")
async def goal(engine: TheEngine, ref: Ref) -> GoalView:
    return await _goal(engine, ref)


@router.get("/goals/{ref}/tree")
async def tree(engine: TheEngine, ref: Ref) -> TreeNode:
    return await engine.tree(ref)


@router.post("/goals/{ref}/start")
async def start(engine: TheEngine, ref: Ref) -> GoalView:
    return await engine.start_goal(ref)


@router.post("/goals/{ref}/cancel")
async def cancel(engine: TheEngine, ref: Ref, body: Cancel | None = None) -> GoalView:
    """End the goal for good; a task has its own route, so that the one is never taken for the other."""
    body = body or Cancel()
    return await engine.cancel((await _goal(engine, ref)).id, body.reason, body.by)


async def _goal(engine: Engine, ref: str) -> GoalView:
    found = (await engine.status(ref)).goals
    if len(found) != 1:
        raise NotFound(f"no goal is called {ref!r}")
    return found[0]
