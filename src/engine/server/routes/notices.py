"""Who looks at a screen, and what was told to people who do not."""

from typing import Annotated

from fastapi import APIRouter, Query

from engine.api import NoticeOutcome, NoticeView, Presence
from engine.server.bodies import Ordered
from engine.server.routes.parts import TheEngine

router = APIRouter(tags=["notices"])


@router.put("/presence", status_code=204)
async def presence(engine: TheEngine, body: Presence) -> None:
    """A screen says who sits at it; good for 45 seconds. Nothing is stored."""
    await engine.report_presence(body)


@router.get("/notices")
async def notices(engine: TheEngine, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> tuple[NoticeView, ...]:
    """What was told and what was not, the newest first."""
    return await engine.notices(limit)


@router.post("/notices/test")
async def try_notices(engine: TheEngine, body: Ordered | None = None) -> tuple[NoticeOutcome, ...]:
    """Send one at once through every channel that is set up; answers with what came of each."""
    return await engine.try_notices((body or Ordered()).by)
