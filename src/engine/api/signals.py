"""Signals from outside: what one says, and what became of it (CONTRACT section 4)."""

import json
from typing import Protocol

from pydantic import Field, field_validator, model_validator

from engine.api.answers import View
from engine.api.requests import Request
from engine.model import BY_ID_ONLY, GateKind, SignalStatus, pull_of

LARGEST = 65_536  # characters of `data` as JSON


class Word(Request):
    """What a callback says: its gate is known by the token."""

    status: SignalStatus
    data: dict[str, object] = Field(default_factory=dict)

    @field_validator("data")
    @classmethod
    def _bounded(cls, data: dict[str, object]) -> dict[str, object]:
        if len(json.dumps(data)) > LARGEST:
            raise ValueError(f"is larger than {LARGEST:,} characters")
        return data


class Signal(Word):
    """`type` is the kind of gate it is for. It fits a gate by equality on every field the gate names; `gate` names
    one opening by its id, the only way to a gate that is for humans, for its members or for time. `pr_url` stands for
    `repo` and `pr`; `pr` is a number."""

    type: GateKind
    repo: str | None = Field(None, max_length=300)
    pr: int | None = Field(None, ge=1, le=2**31)
    pr_url: str | None = Field(None, max_length=1_000)
    head_sha: str | None = Field(None, max_length=100)
    name: str | None = Field(None, max_length=300)
    key: str | None = Field(None, max_length=1_000)
    gate: str | None = Field(None, max_length=300)
    by: str = Field("operator", max_length=200)
    via: str = Field("api", max_length=200)

    @field_validator("pr", mode="before")
    @classmethod
    def _number(cls, pr: object) -> object:
        """`"12"` and `12` are the same pull request."""
        return int(pr) if isinstance(pr, str) and pr.isdecimal() and len(pr) < 12 else pr

    @field_validator("repo", "head_sha")
    @classmethod
    def _lower(cls, text: str | None) -> str | None:
        """Names of repositories and hexadecimal digits are alike in either case."""
        return None if text is None else text.strip().lower()

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: object) -> object:
        if not isinstance(given, dict) or not isinstance(given.get("pr_url"), str):
            return given
        named = pull_of(given["pr_url"])
        if named is None:
            raise ValueError("pr_url is no address of a pull request such as https://github.com/o/r/pull/12")
        said = (str(given.get("repo") or named[0]).lower(), str(given.get("pr") or named[1]))
        if said != (named[0].lower(), str(named[1])):
            raise ValueError("pr_url names another pull request than repo and pr")
        return {**given, "repo": named[0], "pr": named[1]}

    @model_validator(mode="after")
    def _fits_by_what_it_names(self) -> "Signal":
        if self.type in BY_ID_ONLY and self.gate is None:
            raise ValueError(f"a gate of kind {self.type} is resolved by its `gate` id only")
        return self


class SignalOutcome(View):
    """The gates that it resolved; `queued`: nothing waited for it, so it waits in the mailbox."""

    matched: tuple[str, ...]
    queued: bool


class CallbackToken(View):
    """The secret that resolves one gate through `path`; a new one ends the one before it."""

    gate: str
    token: str
    path: str


class Delivery(Request):
    """One webhook request as it came: `headers` by lower-case name, `body` untouched."""

    source: str
    headers: dict[str, str]
    body: bytes


class Signals(Protocol):
    """The half of Engine that the outside speaks to."""

    async def signal(self, signal: Signal) -> SignalOutcome:
        """Resolve every open gate that it fits, or keep it for one that opens later. Conflict when the `gate` it names
        has been resolved or waits for something else."""
        ...

    async def callback_token(self, gate: str, by: str = "operator") -> CallbackToken: ...

    async def callback(self, gate: str, token: str, word: Word) -> SignalOutcome:
        """Refused unless the token is the one of this very gate, and the gate is open."""
        ...

    async def deliver(self, delivery: Delivery) -> SignalOutcome:
        """Refused unless the body carries the HMAC of the source's secret; NotFound for an unknown source."""
        ...
