"""Housekeeping: what runs left behind, found and removed (R41, R59)."""

from enum import StrEnum
from typing import Protocol

from pydantic import Field

from engine.api.answers import View
from engine.api.requests import Request
from engine.units import Seconds


class LeftoverKind(StrEnum):
    """A sandbox without a live run, the work folder of an ended run, the log of one that ended long ago."""

    SANDBOX = "sandbox"
    WORK = "work"
    LOG = "log"


class SweepOrder(Request):
    """`dry_run`: only look. Logs go only when `logs_older_than` is given, in seconds since their run ended, and only of
    goals that have ended, too."""

    dry_run: bool = False
    logs_older_than: Seconds | None = Field(None, ge=0)


class Leftover(View):
    """One thing of ours that no live run uses. `size` in bytes, None where it was not measured; `note` says why it
    stays."""

    kind: LeftoverKind
    name: str
    run: str | None = None
    size: int | None = None
    removed: bool = False
    note: str = ""


class Sweep(View):
    """What was found. `unknown`: sentences about what could not be looked at, of which nothing is concluded (R42)."""

    dry_run: bool
    leftovers: tuple[Leftover, ...]
    unknown: tuple[str, ...] = ()


class Keeping(Protocol):
    """The housekeeping half of Engine."""

    async def gc(self, order: SweepOrder) -> Sweep:
        """Remove leftovers of this project, never a branch, never what a live run uses, never what cannot be kept."""
        ...
