"""Problem documents back into the errors they were made of."""

import json

from engine import errors
from engine.errors import Conflict, EngineUnavailable, Invalid, NotFound, PilothouseError, Refused, Unavailable


def error_of(status: int, body: bytes) -> PilothouseError:
    """The same error class with the same message, hint and details; by status when the code is a newer engine's."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return EngineUnavailable(f"HTTP {status} without a problem document", hint="what listens there is no engine")
    kind = _CLASSES.get(problem["code"]) or _by_status(status)
    details = problem.get("details")
    error = kind(
        str(problem.get("detail", "")),
        hint=str(problem.get("hint", "")),
        details=details if isinstance(details, dict) else None,
    )
    if isinstance(error, Refused):
        error.status = status
    return error


def _by_status(status: int) -> type[PilothouseError]:
    return _BY_STATUS.get(status, PilothouseError)


_BY_STATUS: dict[int, type[PilothouseError]] = {
    400: Invalid, 401: Refused, 403: Refused, 404: NotFound, 409: Conflict, 422: Invalid, 429: Unavailable,
    503: Unavailable,
}  # fmt: skip
_CLASSES: dict[str, type[PilothouseError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PilothouseError)
}
