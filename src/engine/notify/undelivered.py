"""A notice that did not arrive."""


class Undelivered(Exception):
    """In words without a secret. `wait`: seconds the other side asked to be left alone; `final`: the same notice will
    never arrive."""

    def __init__(self, message: str, *, wait: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.wait = wait
        self.final = final
