"""Request bodies that only this API has; the others are the requests of `engine.api`."""

from pydantic import Field

from engine.api import StopMode
from engine.api.requests import Request


class Cancel(Request):
    """Why something is ended for good, and by whom."""

    reason: str = Field("", max_length=10_000)
    by: str = Field("operator", max_length=200)


class Ordered(Request):
    """Who gives an order."""

    by: str = Field("operator", max_length=200)


class Retry(Ordered):
    """`fresh`: what failed before counts no more."""

    fresh: bool = False


class SwitchDispatch(Ordered):
    on: bool


class StopEngine(Request):
    mode: StopMode
