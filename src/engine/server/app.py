"""The FastAPI application over one engine."""

import asyncio
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from engine.api import Engine
from engine.errors import PilothouseError
from engine.server import problems
from engine.server.door import Door
from engine.server.routes import decisions, goals, orders, overview, work


class ControlApp(FastAPI):
    """FastAPI whose schema names the media type that its errors really have."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
            for operations in super().openapi()["paths"].values():
                for operation in operations.values():
                    for status in problems.RESPONSES:
                        operation["responses"][str(status)]["content"] = {problems.MEDIA_TYPE: reference}
        return super().openapi()


def make_app(engine: Engine, closing: asyncio.Event) -> ASGIApp:
    """Every route of the control API; its streams end when `closing` is set."""
    app = ControlApp(
        title="Pilothouse control API",
        version="1",
        docs_url=None,  # both pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.RESPONSES,
    )
    app.state.engine = engine
    app.state.closing = closing
    for router in (overview.router, goals.router, work.router, decisions.router, orders.router):
        app.include_router(router, prefix="/v1")
    app.add_exception_handler(PilothouseError, problems.on_pilothouse_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(Exception, problems.on_unexpected)
    return Door(app)
