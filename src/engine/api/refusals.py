"""What is told of a request that cannot be made of what somebody wrote."""

from collections.abc import Iterator

from pydantic import ValidationError

from engine.api.requests import Request
from engine.errors import Invalid

SHOWN = 8  # mistakes that are named at once
PREFIX = "Value error, "  # what the library puts before the words of a model's own check


def mistakes(error: ValidationError) -> str:
    """`field: what is wrong` for each mistake, in the words of the model and without the values."""
    told = []
    for row in error.errors(include_url=False, include_input=False)[:SHOWN]:
        place, words = ".".join(map(str, row["loc"])), row["msg"].removeprefix(PREFIX)
        told.append(f"{place}: {words}" if place else words)
    return "; ".join(told)


def refusal(error: Exception) -> Invalid | None:
    """A request that does not fit its model is a mistake of whoever wrote it; None for any other error."""
    if isinstance(error, ValidationError) and error.title in {model.__name__ for model in _models(Request)}:
        return Invalid(mistakes(error))
    return None


def _models(model: type[Request]) -> Iterator[type[Request]]:
    yield model
    for narrower in model.__subclasses__():
        yield from _models(narrower)
