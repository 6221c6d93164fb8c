"""When a schedule starts which goal: its terms, parsed and checked, and the windows of a week."""

import re
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints, field_validator, model_validator

from engine.model.specs import Frozen
from engine.model.states import Runtime
from engine.units import Seconds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60  # minutes
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_WINDOW = re.compile(r"(?:(?P<days>[a-z,-]+)\s+)?(?P<start>\d\d:\d\d)(?:\s*-\s*(?P<end>\d\d:\d\d))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}")

ScheduleName = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]


class Overlap(StrEnum):
    """What a start does that meets the schedule's own goal unended: nothing, wait for its end, or end it."""

    SKIP = "skip"
    QUEUE = "queue"
    REPLACE = "replace"


class Missed(StrEnum):
    """Whether a start that came while no engine ran is made up for, once."""

    ONCE = "once"
    SKIP = "skip"


class ScheduleSource(StrEnum):
    """Where a schedule stands: in the settings, or only in the store."""

    SETTINGS = "settings"
    ADDED = "added"


class Override(StrEnum):
    """What an operator ordered by hand, to the end of a window."""

    START = "start"
    STOP = "stop"


class StartState(StrEnum):
    """What came of one start. `due`: its goal is about to be made; `held`: the end of its window paused the goal."""

    DUE = "due"
    QUEUED = "queued"
    STARTED = "started"
    HELD = "held"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


class Window(NamedTuple):
    """Minutes since midnight on some days of the week (0 is Monday). An end at or before the start is on the next
    day; None: a moment without an end."""

    days: frozenset[int]
    start: int
    end: int | None

    def minutes(self) -> int | None:
        """How long it is by the clock on the wall."""
        return None if self.end is None else (self.end - self.start) % 1440 or 1440


class ScheduleTerms(Frozen):
    """Which goal a schedule starts, a `goal` file of the project or a `template`, and when: in `windows` (texts such
    as `mon-fri 22:00-06:00`), by a `cron` expression, or every so many seconds, which may go with windows that end."""

    goal: str | None = Field(None, min_length=1, max_length=1_000)
    template: str | None = Field(None, pattern=f"^{NAME.pattern}$")
    vars: dict[str, str] = Field(default_factory=dict, max_length=200)
    windows: tuple[str, ...] = Field((), max_length=20)
    cron: str | None = Field(None, max_length=200)
    every: Seconds | None = Field(None, ge=60, le=366 * 86_400)
    zone: str = Field("UTC", max_length=100)
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.ONCE
    external_ref: str | None = Field(None, min_length=1, max_length=500)
    runtime: Runtime | None = None
    max_parallel: int | None = Field(None, ge=1, le=1000)
    allow_unconfined: bool = False

    @field_validator("windows")
    @classmethod
    def _week(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        parsed = [window_of(text) for text in windows]
        covered = {
            (day * 1440 + window.start + minute) % WEEK
            for window in parsed
            for day in window.days
            for minute in range(window.minutes() or 0)
        }
        if len(covered) == WEEK:
            raise ValueError("the windows leave no minute of the week out, so none of them ever ends: use `every`")
        return tuple(" ".join(text.split()).lower() for text in windows)

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            if _ZONE.fullmatch(zone) is None:
                raise ZoneInfoNotFoundError(zone)
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:
            raise ValueError(
                f"{zone!r} is no time zone of this machine: write UTC or a name such as Europe/Berlin"
            ) from error
        return zone

    @field_validator("cron")
    @classmethod
    def _comes(cls, cron: str | None) -> str | None:
        from datetime import UTC, datetime

        from cronsim import CronSim, CronSimError

        if cron is None:
            return None
        try:
            if len(cron.split()) != 5:
                raise CronSimError("five fields: minute, hour, day of the month, month, day of the week")
            next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise ValueError(f"{cron!r} is no cron expression: {error}") from error
        except StopIteration:
            raise ValueError(f"{cron!r} never comes") from None
        return " ".join(cron.split())

    @model_validator(mode="after")
    def _whole(self) -> "ScheduleTerms":
        if (self.goal is None) == (self.template is None):
            raise ValueError("a schedule starts either a `goal` file or a `template`")
        if self.cron is not None and (self.windows or self.every is not None):
            raise ValueError("`cron` stands alone, without `windows` and `every`")
        if not self.windows and self.cron is None and self.every is None:
            raise ValueError("say when: `windows`, `cron` or `every`")
        if self.every is not None and any(window_of(text).end is None for text in self.windows):
            raise ValueError("`every` needs windows with an end, such as `daily 09:00-17:00`")
        return self


def window_of(text: str) -> Window:
    """`mon-fri 22:00-06:00`, `sat,sun 10:00-18:00`, `daily 03:00`; ValueError otherwise."""
    found = _WINDOW.fullmatch(" ".join(text.split()).lower())
    if found is None:
        raise ValueError(f"{text[:80]!r} is no window: write `mon-fri 22:00-06:00` or `daily 03:00`")
    end = found["end"]
    return Window(_days(found["days"] or "daily"), _minute(found["start"]), None if end is None else _minute(end))


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{part!r} is no day: write daily, or {', '.join(DAYS)} and ranges such as mon-fri")
        start, stop = DAYS.index(first), DAYS.index(last if dash else first)
        days |= {day % 7 for day in range(start, stop + 1 + (7 if stop < start else 0))}
    return frozenset(days)


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if text == "24:00":
        return 0
    if hour > 23 or minute > 59:
        raise ValueError(f"{text!r} is no time of day")
    return hour * 60 + minute
