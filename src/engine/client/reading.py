"""Names into paths, and answers back into views."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.errors import EngineUnavailable, NotFound

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def segment(ref: str) -> str:
    """One segment of a path, every character of it: the slash of GOAL/KEY becomes `%2F`."""
    if not ref:
        raise NotFound("an empty id names nothing")
    # Dots are quoted, too: a segment `..` would be taken for a step upwards.
    return quote(ref, safe="", errors="replace").replace(".", "%2E")


def read(kind: type[M], data: bytes) -> M:
    """The view; EngineUnavailable when the engine's answer does not fit it."""
    with _understood():
        return kind.model_validate_json(data)


def read_all(kind: TypeAdapter[T], data: bytes) -> T:
    """The same for a list of views."""
    with _understood():
        return kind.validate_json(data)


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"the engine's answer does not fit: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise EngineUnavailable(message, hint="it is of another version: stop it and start this one") from error
