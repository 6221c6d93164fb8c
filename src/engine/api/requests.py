"""What an operator may ask for, parsed before use (R112)."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.model import AnswerKind, Runtime, Stream


class Request(BaseModel):
    """An immutable request; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CreateGoal(Request):
    """A goal from the text of a goal file. `path` is its absolute path, for messages and for a relative `repo:`.
    `max_parallel` limits this goal. With `start` false it stays a draft."""

    source: str = Field(max_length=2_000_000)
    path: str = "goal.yaml"
    variables: dict[str, str] = Field(default_factory=dict)
    runtime: Runtime | None = None
    max_parallel: int | None = Field(None, ge=1, le=1000)
    allow_unconfined: bool = False
    start: bool = True


class Answer(Request):
    """One answer to one decision, bound to the version that was shown. Reject and changes need feedback (R79).
    `undoable` holds it staged for the undo window. `content` is the hash that was on the card."""

    version: int
    answer: AnswerKind
    feedback: str = Field("", max_length=100_000)
    by: str = "operator"
    via: str = "api"
    undoable: bool = False
    content: str | None = None
    shown_seconds: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _reason(self) -> "Answer":
        if self.answer is not AnswerKind.APPROVE and not self.feedback.strip():
            raise ValueError(f"{self.answer} needs feedback that says why")
        return self


class LogQuery(Request):
    """Which lines: from line `after` + 1 on, or the last `tail`; one stream or both; at most `limit`."""

    after: int | None = Field(None, ge=-1)
    tail: int | None = Field(None, ge=0)
    stream: Stream | None = None
    limit: int = Field(5_000, ge=1, le=50_000)


class StopMode(StrEnum):
    """`detach`: the engine goes on; `drain`: running work ends first; `stop`: sandboxes end at once."""

    DETACH = "detach"
    DRAIN = "drain"
    STOP = "stop"
