"""What an operator may ask for, parsed before use (R112)."""

import re
import warnings
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

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
    """Which lines: from line `after` + 1 on, or the last `tail`; at most `limit`. Of one stream, not older than `since`
    and with the regular expression `grep` in them: every combination, and `tail` counts what is left by the others."""

    after: int | None = Field(None, ge=-1)
    tail: int | None = Field(None, ge=0)
    stream: Stream | None = None
    since: AwareDatetime | None = None
    grep: str | None = Field(None, max_length=1_000)
    limit: int = Field(5_000, ge=1, le=50_000)

    @field_validator("grep")
    @classmethod
    def _expression(cls, pattern: str | None) -> str | None:
        """Compiled here only to say what is wrong with it; where it is used see sandbox.log_search."""
        if pattern is not None:
            try:
                pattern.encode()
                with warnings.catch_warnings(action="ignore"):
                    re.compile(pattern)
            except (re.error, RecursionError, OverflowError, UnicodeEncodeError) as error:
                raise ValueError(f"{error}") from error
        return pattern


class StopMode(StrEnum):
    """`detach`: the engine goes on; `drain`: running work ends first; `stop`: sandboxes end at once."""

    DETACH = "detach"
    DRAIN = "drain"
    STOP = "stop"
