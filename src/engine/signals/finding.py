"""What asking a service about a gate came to."""

from dataclasses import dataclass

from engine.model import SignalStatus


@dataclass(frozen=True)
class Finding:
    """`status` None: the gate stays open, and `words` say why; `head` is the commit that it is about."""

    status: SignalStatus | None
    words: str
    head: str | None = None


class Trouble(Exception):
    """The service did not answer, or not with what it promises. `wait`: seconds it asked to be left alone."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.wait = wait
