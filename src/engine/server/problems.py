"""Errors as RFC 9457 problem documents: one shape for whatever goes wrong (R112)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException

from engine.api.refusals import PREFIX
from engine.errors import (
    Invalid,
    NotFound,
    PilothouseError,
)

MEDIA_TYPE = "application/problem+json"
SHOWN = 8  # validation errors named in the sentence; all of them stand in `details`


class Problem(BaseModel):
    """What went wrong. `code` names the error class, `detail` is its message, `details` are plain data."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


# Named by a reference: a model here would be built anew for every status of every route.
_ONE_SHAPE = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"content": _ONE_SHAPE, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503)
}


def problem_of(error: PilothouseError, status: int | None = None) -> Problem:
    """The document of one of our own errors."""
    return Problem(
        type=f"urn:pilothouse:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status or error.status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        details=error.details,
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(problem), problem.status, headers, MEDIA_TYPE)


def encode(problem: Problem) -> str:
    """ASCII JSON: whatever foreign text a message quotes, it can be encoded."""
    return json.dumps(to_jsonable_python(dict(problem), fallback=str))


async def on_pilothouse_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PilothouseError)
    return respond(problem_of(error))


async def on_validation_error(_request: Request, error: Exception) -> Response:
    """400 for a body that is no JSON, 422 for one that does not fit the model. Values are not echoed."""
    assert isinstance(error, RequestValidationError)
    rows = [{"where": _place(row["loc"]), "what": str(row["msg"]).removeprefix(PREFIX)} for row in error.errors()]
    no_json = any(row["type"] == "json_invalid" for row in error.errors())
    message = "; ".join(f"{row['where']}: {row['what']}" for row in rows[:SHOWN])
    unread = no_json or any(row["loc"] == ("body",) for row in error.errors())
    hint = f"{'send JSON with `content-type: application/json`; ' if unread else ''}/openapi.json has the models"
    return respond(problem_of(Invalid(message, hint=hint, details={"errors": rows}), 400 if no_json else 422))


def _place(location: Sequence[int | str]) -> str:
    inner = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(inner) or str(location[0] if location else "request")


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: an unknown route, a wrong method, a body over the limit."""
    assert isinstance(error, HTTPException)
    described: PilothouseError
    match error.status_code:
        case 404:
            described = NotFound(f"there is no {request.url.path}", hint="/openapi.json lists every route")
        case 405:
            described = Invalid(f"{request.url.path} does not take {request.method}", hint="see /openapi.json")
        case _:
            described = Invalid(str(error.detail))
    return respond(problem_of(described, error.status_code), error.headers)


async def on_unexpected(_request: Request, _error: Exception) -> Response:
    """A fault of ours: logged by the server with its traceback, answered without internals."""
    described = PilothouseError("the engine met an unexpected error", hint="its log has the details")
    return respond(problem_of(described, 500))
