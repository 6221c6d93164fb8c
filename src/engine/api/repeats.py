"""Orders that may be sent again: the same key with the same input has one effect and one answer (R17)."""

from dataclasses import dataclass, field
from typing import Protocol

from engine.api.protocol import Engine


@dataclass(frozen=True)
class Recorded:
    """An answer as it was given: HTTP status, the headers that belong to it, and its body."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Repeats(Protocol):
    """Whoever carries out an order under a key says so before and after."""

    async def begin(self, key: str, digest: str) -> Recorded | None:
        """The first answer under this key, or None: carry it out. One that is under way is waited for.

        Raises Conflict when the key was used with other input, or when an engine ended between the effect and its
        answer.
        """
        ...

    async def finish(self, key: str, answer: Recorded | None) -> None:
        """What came of it; None: it failed, and may be sent again if nothing was written."""
        ...


class Served(Engine, Repeats, Protocol):
    """An engine that a server can stand in front of."""
