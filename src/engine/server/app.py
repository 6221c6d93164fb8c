"""The FastAPI application over one engine."""

import asyncio
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from engine.api import Engine
from engine.errors import PilothouseError
from engine.server import problems
from engine.server.routes import (
    agents,
    deciding,
    decisions,
    edits,
    goals,
    measuring,
    notices,
    orders,
    overview,
    schedules,
    signals,
    work,
)


class ControlApp(FastAPI):
    """FastAPI whose schema has the one shape of all errors."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            super().openapi()["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        return super().openapi()


def make_app(engine: Engine, closing: asyncio.Event) -> ASGIApp:
    """Every route of the control API, behind no door yet; its streams end when `closing` is set."""
    app = ControlApp(
        title="Pilothouse control API",
        version="1",
        openapi_url=None,  # the document is made beside the loop
        docs_url=None,  # both pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.RESPONSES,
    )
    app.state.engine = engine
    app.state.closing = closing
    routes = (
        overview, goals, work, decisions, deciding, orders, measuring, edits, agents, signals, schedules, notices
    )  # fmt: skip
    for module in routes:
        app.include_router(module.router, prefix="/v1")
    app.add_exception_handler(PilothouseError, problems.on_pilothouse_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(Exception, problems.on_unexpected)
    app.add_route("/openapi.json", _document, methods=["GET"], include_in_schema=False)
    _build_routes(app)
    return app


def _build_routes(app: FastAPI) -> None:
    """FastAPI builds a router's routes when the first request is matched: done here instead."""
    nowhere = {"type": "http", "method": "GET", "path": "/v1/nowhere", "root_path": "", "headers": []}
    for route in app.routes:
        route.matches(nowhere)


async def _document(request: Request) -> Response:
    """OpenAPI of every route."""
    return JSONResponse(await asyncio.to_thread(request.app.openapi))
