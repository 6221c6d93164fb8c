"""What a line of the engine's own log is about: the goal, the task and the run at hand (R57)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Subject:
    """Ids as far as they are known; `clean` cuts the secrets of the run out of a text."""

    goal: str | None = None
    task: str | None = None
    run: str | None = None
    clean: Callable[[str], str] = _as_it_is

    def __str__(self) -> str:
        return " ".join(name for name in (self.goal, self.task, self.run) if name) or "-"


_SUBJECT: ContextVar[Subject | None] = ContextVar("subject", default=None)


def subject() -> Subject:
    """What the work at hand is about. Tasks and threads that begin within `about` inherit it."""
    return _SUBJECT.get() or Subject()


@contextmanager
def about(
    *,
    goal: str | None = None,
    task: str | None = None,
    run: str | None = None,
    clean: Callable[[str], str] | None = None,
) -> Iterator[None]:
    """Everything logged within is about these, in addition to what holds already."""
    known = subject()
    token = _SUBJECT.set(
        replace(
            known,
            goal=goal or known.goal,
            task=task or known.task,
            run=run or known.run,
            clean=clean or known.clean,
        )
    )
    try:
        yield
    finally:
        _SUBJECT.reset(token)
