"""How an engine is: its health, and its numbers."""

from typing import Protocol

from pydantic import Field

from engine.api.answers import View


class Health(View):
    """`status` is ok or failing. `parts` says of each part (store, daemon) `ok`, `not used`, or what is wrong."""

    status: str
    parts: dict[str, str] = Field(default_factory=dict)


class Measuring(Protocol):
    """The half of Engine that watches itself."""

    async def health(self) -> Health:
        """Whether what the engine stands on works; asked anew at most every few seconds."""
        ...

    async def metrics(self) -> str:
        """Every number in the text format of Prometheus."""
        ...
