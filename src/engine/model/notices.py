"""What is told to people who are not looking: how urgent it is, where it goes, and when it is kept for later."""

import re
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_serializer, model_validator

from engine.units import Seconds

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")
LONGEST_WORD = 4096  # characters of one word of a command, or of an address


class Severity(StrEnum):
    """`low`: good to know; `normal`: somebody is needed; `urgent`: now, in quiet hours too."""

    LOW = "low"
    NORMAL = "normal"
    URGENT = "urgent"

    def reaches(self, least: "Severity") -> bool:
        order = list(Severity)
        return order.index(self) >= order.index(least)


class Desktop(StrEnum):
    """How a terminal is asked to show a notification; `auto` chooses by what the terminal says of itself."""

    OFF = "off"
    AUTO = "auto"
    OSC9 = "osc9"
    OSC777 = "osc777"


class NoticeChannel(StrEnum):
    """What the engine itself sends through."""

    COMMAND = "command"
    URL = "url"


class NoticeState(StrEnum):
    """`due`: to be sent at its time; `sending`: an attempt is under way; `unknown`: the engine ended within one;
    `dropped`: it was no longer worth telling, because it was answered, seen, or too old."""

    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


class QuietHours(BaseModel):
    """`22:00-07:00` by the machine's own clock; it may reach over midnight."""

    model_config = ConfigDict(frozen=True)

    begin: time
    end: time

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = _HOURS.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} are no hours: write 22:00-07:00")
        hours = {"begin": time(int(found[1]), int(found[2])), "end": time(int(found[3]), int(found[4]))}
        if hours["begin"] == hours["end"]:
            raise ValueError(f"{value!r} begins when it ends")
        return hours

    @model_serializer
    def _write(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def ends_after(self, local: datetime) -> datetime | None:
        """When these hours are over, while it is within them; `local` is aware, in the zone they are meant in."""
        now = local.time()
        over_midnight = self.begin > self.end
        inside = now >= self.begin or now < self.end if over_midnight else self.begin <= now < self.end
        if not inside:
            return None
        day = local + timedelta(days=1) if over_midnight and now >= self.begin else local
        return day.replace(hour=self.end.hour, minute=self.end.minute, second=0, microsecond=0)


def quiet_until(hours: "tuple[QuietHours, ...]", local: datetime) -> datetime | None:
    """When it may be loud again; None while it may be."""
    ends = [end for end in (one.ends_after(local) for one in hours) if end is not None]
    return max(ends, default=None)


def listed(value: object) -> object:
    """One is a list of one."""
    return (value,) if isinstance(value, str) else value


def _address(value: object) -> object:
    """http or https with a host, or nothing."""
    if isinstance(value, str) and value:
        try:
            parts = urlsplit(value)
            fine = (
                parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable() and " " not in value
            )
            fine = fine and (parts.port is None or parts.port > 0)
        except ValueError:
            fine = False
        if not fine:
            raise ValueError("an address is http://HOST/… or https://HOST/…")
    return value


def _desktop(value: object) -> object:
    return {True: Desktop.AUTO, False: Desktop.OFF}[value] if isinstance(value, bool) else value


Word = Annotated[str, Field(max_length=LONGEST_WORD, pattern=r"^[^\x00]*$")]
Address = Annotated[str, BeforeValidator(_address), Field(max_length=LONGEST_WORD)]


class NotifySettings(BaseModel):
    """Who is told when a human is needed. `command` is argv and no shell sees it; `url` is posted to in the way of
    ntfy, with the token of the file, else of the variable; `click` is the link of such a message. `away`: seconds
    without a key after which nobody looks. `…_from`: the least severity that goes there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bell: bool = True
    desktop: Annotated[Desktop, BeforeValidator(_desktop)] = Desktop.OFF
    command: tuple[Word, ...] = Field((), max_length=100)
    url: Address = ""
    token_env: str = "NTFY_TOKEN"
    token_file: str = ""
    click: Address = ""
    quiet: Annotated[tuple[QuietHours, ...], BeforeValidator(listed)] = Field((), max_length=20)
    away: Seconds = Field(60.0, ge=0, le=86_400)
    bell_from: Severity = Severity.NORMAL
    desktop_from: Severity = Severity.NORMAL
    command_from: Severity = Severity.NORMAL
    url_from: Severity = Severity.NORMAL
    retry: Seconds = Field(5.0, ge=0.01, le=600)

    @model_validator(mode="after")
    def _a_program(self) -> Self:
        if self.command and not self.command[0].strip():
            raise ValueError("command: its first word is the program")
        return self

    def least(self, channel: NoticeChannel) -> Severity:
        return self.command_from if channel is NoticeChannel.COMMAND else self.url_from

    @property
    def channels(self) -> tuple[NoticeChannel, ...]:
        """What the engine sends through as it is set up."""
        there = {NoticeChannel.COMMAND: self.command, NoticeChannel.URL: self.url}
        return tuple(channel for channel, value in there.items() if value)
