"""Records of an agent, in order: a broken or unknown one is counted and skipped, the stream goes on (R58)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.agents.limits import Limit

SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # it stands on a command line: never an option
LONGEST_RECORD = 1024**2  # bytes; what a log keeps of one line


@dataclass
class Totals:
    """What an agent has used so far by its own account: US dollars, tokens read and written."""

    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class Reading:
    """What one record says: things done, a limit that was met, at the end of its work whether that went well, and
    what the agent calls its session."""

    actions: tuple[str, ...] = ()
    limit: Limit | None = None
    went_well: bool | None = None
    session: str = ""


NOTHING = Reading()
"""A record that is known and says nothing the engine needs."""


class Adapter(Protocol):
    """Knows the records of one kind of agent, and adds up what they say was used."""

    totals: Totals

    def read(self, record: Mapping[str, object]) -> Reading | None:
        """What it says; None for a record of an unknown kind. Raises nothing, whatever it holds."""
        ...


@dataclass
class Found:
    """What a piece of output says, in order."""

    actions: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)


class RecordReader:
    """Lines in, facts out. `limit`: the provider's refusal that ended the agent's work, None while it goes on or when
    it ended well after all; `session`: by what name it can be resumed; `records`, `unknown` and `broken` are
    counted."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.records = 0
        self.unknown = 0
        self.broken = 0
        self.limit: Limit | None = None
        self.session = ""

    @property
    def totals(self) -> Totals:
        return self._adapter.totals

    def read(self, lines: Iterable[bytes]) -> Found:
        """Read lines that may be records: those that begin with a brace."""
        found = Found()
        for line in lines:
            reading = self._one(line)
            if reading is not None:
                self._keep(reading, found)
        return found

    def _one(self, line: bytes) -> Reading | None:
        record = _record(line)
        if record is None:
            self.broken += 1
            return None
        reading = self._adapter.read(record)
        if reading is None:
            self.unknown += 1
        else:
            self.records += 1
        return reading

    def _keep(self, reading: Reading, found: Found) -> None:
        found.actions += reading.actions
        if SESSION.fullmatch(reading.session):
            self.session = reading.session
        limit = reading.limit
        if limit is not None:
            known = self.limit is not None and self.limit.timed and not limit.timed
            found.limits += () if known else (limit,)
            if limit.final and not known:
                self.limit = limit
        elif reading.went_well:
            self.limit = None


def _record(line: bytes) -> Mapping[str, object] | None:
    if len(line) > LONGEST_RECORD:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
