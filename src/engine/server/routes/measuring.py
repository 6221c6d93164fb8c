"""Health by its status code, and the numbers for Prometheus."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from engine.api.measuring import Health
from engine.errors import Unavailable
from engine.server.routes.parts import TheEngine

if TYPE_CHECKING:
    from engine.api import Engine

router = APIRouter(tags=["engine"])
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class PrometheusText(Response):
    media_type = "text/plain"


@router.get("/health")
async def health(engine: TheEngine) -> Health:
    """200 while the store takes writes and the daemon answers where it is needed; else 503 with the part named."""
    return await _well(engine)


@router.get("/ready")
async def ready(engine: TheEngine) -> Health:
    """Whether it starts work: 503 while it drains or stops, or is not well."""
    info = await engine.info()
    if info.state != "running":
        raise Unavailable(f"the engine is {info.state}", details={"state": info.state})
    await _well(engine)
    return Health(status="ready")


@router.get("/metrics", response_class=PrometheusText)
async def metrics(engine: TheEngine) -> PrometheusText:
    """Every number in the text format of Prometheus."""
    return PrometheusText(await engine.metrics(), headers={"content-type": FORMAT})


async def _well(engine: "Engine") -> Health:
    found = await engine.health()
    if found.status != "ok":
        wrong = [f"{part}: {word}" for part, word in found.parts.items() if word not in ("ok", "not used")]
        raise Unavailable("; ".join(wrong) or "the engine is not well", details={"parts": found.parts})
    return found
