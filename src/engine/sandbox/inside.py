"""A command that an operator runs inside a live sandbox, beside the sandbox's own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from engine.model import Stream

SHELL = ("sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh")
CHUNK = 65536  # bytes of one read


@dataclass(frozen=True)
class Window:
    """The operator's terminal: what kind it is (TERM), and its size in cells."""

    kind: str
    rows: int
    columns: int


Taker = Callable[[Stream, bytes], Awaitable[None]]


class Inside(Protocol):
    """One such command. With a Window it has a terminal of its own, whose input is `send`; without, no input."""

    async def carry(self, take: Taker) -> None:
        """Hand on what it prints, as it comes, until it has ended; all of it is `out` where it has a terminal."""
        ...

    async def send(self, data: bytes) -> None:
        """Keys for its terminal."""
        ...

    async def resize(self, rows: int, columns: int) -> None:
        """Its terminal has another size."""
        ...

    async def ended(self) -> int:
        """Its exit code, 128 + n for a signal; to be asked once `carry` has returned."""
        ...

    async def close(self) -> None:
        """Let go of it; one that goes on is ended as by a terminal that was closed."""
        ...
