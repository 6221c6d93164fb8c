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
    """A goal from the text of a goal file. `path` is its absolute path, for messages and for a relative `repo:`, which
    starts at `folder` where that is given.
    `max_parallel` limits this goal. With `start` false it stays a draft. `external_ref` is what it is about elsewhere,
    such as an issue: one goal that has not ended each (R17). `again` instead of a source: everything as in that goal,
    under what is said here, and with `checkpoint` its task begins with that state. `skip`: keys of tasks that it is run
    without, or `GROUP.testers` for all testers of a group; `by`: who asks."""

    source: str = Field("", max_length=2_000_000)
    path: str = "goal.yaml"
    folder: str | None = Field(None, max_length=4_096)
    variables: dict[str, str] = Field(default_factory=dict)
    runtime: Runtime | None = None
    max_parallel: int | None = Field(None, ge=1, le=1000)
    allow_unconfined: bool = False
    start: bool = True
    external_ref: str | None = Field(None, min_length=1, max_length=500)
    again: str | None = Field(None, min_length=1, max_length=200)
    checkpoint: int | None = Field(None, ge=0, lt=2**63)
    skip: tuple[str, ...] = Field((), max_length=1_000)
    by: str = Field("operator", max_length=200)

    @model_validator(mode="after")
    def _one_source(self) -> "CreateGoal":
        if self.again is None and "source" not in self.model_fields_set:
            raise ValueError("a goal needs its source, or the goal that it starts over as again")
        if self.again is not None and (self.source or self.folder is not None):
            raise ValueError("again takes the source from that goal")
        if self.checkpoint is not None and self.again is None:
            raise ValueError("a checkpoint needs the goal that is forked as again")
        return self


class Answer(Request):
    """One answer to one decision, bound to the version that was shown. Reject and changes need feedback (R79), choose
    an `option`, fill the `fields` of the form.
    `undoable` holds it staged for the undo window. `content` is the hash that was on the card."""

    version: int
    answer: AnswerKind
    feedback: str = Field("", max_length=100_000)
    option: str | None = Field(None, max_length=1_000)
    fields: dict[str, str | int | float | bool] = Field(default_factory=dict)
    by: str = "operator"
    via: str = "api"
    undoable: bool = False
    content: str | None = None
    shown_seconds: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _reason(self) -> "Answer":
        if self.answer in (AnswerKind.REJECT, AnswerKind.CHANGES) and not self.feedback.strip():
            raise ValueError(f"{self.answer} needs feedback that says why")
        if (self.answer is AnswerKind.CHOOSE) != (self.option is not None):
            raise ValueError("choose, and only choose, needs an option")
        if (self.answer is AnswerKind.FILL) != bool(self.fields):
            raise ValueError("fill, and only fill, needs fields")
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
