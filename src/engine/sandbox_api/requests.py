"""What an agent may say, parsed before use (R112). Unknown fields are refused; texts and documents are bounded."""

import json
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from engine.api.requests import Request
from engine.model import ReviewWord

MOST_DATA = 512 * 1024  # bytes of one JSON document as it is stored

Text = Annotated[str, StringConstraints(max_length=10_000)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$")]


def _small(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(data)) > MOST_DATA:
        raise ValueError(f"more than {MOST_DATA} bytes")
    return data


Data = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class Fenced(Request):
    """A write that counts only while its run holds `lease` with this fencing token (R104)."""

    lease: Name | None = None
    fence: int | None = None

    @model_validator(mode="after")
    def _both(self) -> "Fenced":
        if (self.lease is None) != (self.fence is None):
            raise ValueError("`lease` and `fence` go together")
        return self


class Finding(Request):
    file: Text = ""
    line: int | None = None
    severity: Text = ""
    text: Text = ""


class Check(Request):
    name: Text
    passed: bool
    output: Text = ""


class Complete(Fenced):
    """The work is done: what it came to, and for a review or checks its verdict (CONTRACT section 2)."""

    summary: Text = ""
    outputs: Data = Field(default_factory=dict)
    verdict: ReviewWord | None = None
    feedback: Text = ""
    findings: tuple[Finding, ...] = Field((), max_length=1000)
    all_passed: bool | None = None
    checks: tuple[Check, ...] | None = Field(None, max_length=1000)


class Fail(Request):
    reason: Text = "the agent gave up"


class Progress(Request):
    message: Text
    percent: float | None = Field(None, ge=0, le=100)


class Heartbeat(Request):
    pass


class AgentState(StrEnum):
    BUSY = "busy"
    IDLE = "idle"


class Register(Request):
    """What this agent is and can do; what is not said stays. `load`: 0 to 1."""

    role: Word | None = None
    capabilities: tuple[Word, ...] | None = Field(None, max_length=50)
    state: AgentState | None = None
    load: float | None = Field(None, ge=0, le=1)


class Artifact(Fenced):
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Handoff(Fenced):
    values: Data


class Checkpoint(Fenced):
    """The whole state of this task from here on. `version`: the one it was made from; None: whatever it is."""

    name: Name
    data: Data
    version: int | None = None


class Restore(Request):
    checkpoint: int
    version: int


class Acquire(Request):
    """`wait`: seconds in the queue, 0 refuses at once; `ttl`: seconds until it ends unless it is renewed."""

    name: Name
    wait: float = Field(0.0, ge=0, le=3600)
    ttl: float = Field(60.0, ge=1, le=86_400)
    priority: int = Field(0, ge=-100, le=100)


class Held(Request):
    """A lease that is held, by name and fencing token."""

    name: Name
    fence: int


class MessageKind(StrEnum):
    MESSAGE = "message"
    REQUEST = "request"
    RESPONSE = "response"
    BROADCAST = "broadcast"


class Priority(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"


class Message(Request):
    """`to`: a task's key, a role or a run; `answers`: the request a response is to; `deadline`: seconds that a request
    waits; `key`: the same key is the same message."""

    kind: MessageKind = MessageKind.MESSAGE
    to: Name | None = None
    answers: int | None = None
    type: Word = "text"
    body: Data = Field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    deadline: float = Field(60.0, gt=0, le=3600)
    key: Word | None = None

    @model_validator(mode="after")
    def _addressed(self) -> "Message":
        if (self.kind in (MessageKind.MESSAGE, MessageKind.REQUEST)) != (self.to is not None):
            raise ValueError("a message and a request, and only they, are `to` somebody")
        if (self.kind is MessageKind.RESPONSE) != (self.answers is not None):
            raise ValueError("a response, and only a response, `answers` a request")
        return self


class Subtasks(Request):
    """Tasks in the words of a goal file; `group`: which one, where this task plans more than one."""

    tasks: tuple[dict[str, JsonValue], ...] = Field(max_length=100)
    group: Name | None = None


class Nothing(Request):
    """A look that takes nothing."""


class Patience(Request):
    """`wait`: seconds to wait for something that is worth an answer."""

    wait: float = Field(0.0, ge=0, le=60)


class Among(Request):
    """Which of the agents."""

    role: Word | None = None
    capability: Word | None = None
    state: AgentState | None = None


class Answer(Patience):
    """The answer to an earlier question of this run; `id` is what `ask` gave."""

    id: Word
