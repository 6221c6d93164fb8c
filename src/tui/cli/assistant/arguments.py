"""What an assistant may say to a tool, parsed before use (R112); the descriptions are what it reads."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from engine.api.requests import Request
from engine.model import AnswerKind, GoalState, Stream
from tui.cli.call import REF


def _inside(ref: str) -> str:
    if ".." in ref:
        raise ValueError("this is not an id")
    return ref


ReferTo = Annotated[
    str,
    Field(pattern=f"^{REF.pattern}$", max_length=200, description="an id, a unique prefix of one, or GOAL/KEY"),
    AfterValidator(_inside),
]
Most = Annotated[int, Field(ge=1, le=500)]


class Nothing(Request):
    """It takes nothing."""


class Goals(Request):
    """Which goals; the newest come first."""

    state: GoalState | None = None
    limit: Most = 50


class OfGoal(Request):
    goal: ReferTo | None = None


class OneGoal(Request):
    goal: ReferTo


class One(Request):
    """A goal, a task, a run or a decision."""

    ref: ReferTo


class OneDecision(Request):
    decision: ReferTo


class Logs(Request):
    """The last `tail` lines, or those after line `after`; `grep` is a regular expression."""

    ref: ReferTo
    tail: Most = 100
    after: int | None = Field(None, ge=-1)
    grep: str | None = Field(None, max_length=1_000)
    stream: Stream | None = None


class Events(Request):
    """Events above the number `after`, oldest first; without it the newest."""

    after: int | None = Field(None, ge=0)
    limit: Most = 100


class History(Request):
    """Rows of the ledger, newest first; of one decision when it is named."""

    decision: ReferTo | None = None
    limit: Most = 50


class Change(One):
    """`stat`: only the files, without the text of the change."""

    stat: bool = False


class GoalText(Request):
    """A goal file, as its text in `source` or as the path of a `file` in the project; one of the two."""

    source: str | None = Field(None, max_length=2_000_000)
    file: str | None = Field(None, min_length=1, max_length=4_096)
    variables: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one(self) -> "GoalText":
        if (self.source is None) == (self.file is None):
            raise ValueError("a goal file is given as `source` or as `file`: one of them")
        return self


class Proposed(GoalText):
    """`external_ref` is what it is about elsewhere, such as an issue: one goal that has not ended each."""

    external_ref: str | None = Field(None, min_length=1, max_length=500)
    max_parallel: int | None = Field(None, ge=1, le=1_000)


class Decided(Request):
    """An answer to the version that was read. Reject and changes need `feedback`, choose an `option`, fill the
    `fields`; a snooze lasts `seconds`, or until there is `news`. What lets something through needs the `content` that
    the decision showed, where it showed one."""

    decision: ReferTo
    version: int = Field(ge=0)
    answer: AnswerKind
    feedback: str = Field("", max_length=100_000)
    option: str | None = Field(None, max_length=1_000)
    fields: dict[str, str | int | float | bool] = Field(default_factory=dict)
    seconds: float | None = Field(None, gt=0, le=366 * 86_400)
    news: bool = False
    content: str | None = Field(None, max_length=200)
