"""What a run asks a human, and what it is told: a question, a permission for a tool call, a contact outside."""

from datetime import datetime

from pydantic import Field, model_validator
from pydantic_core import to_json

from engine.api.answers import View
from engine.api.requests import Request
from engine.model import AnswerKind, DecisionKind, DecisionState, FormField

ASKED = (DecisionKind.QUESTION, DecisionKind.PERMISSION, DecisionKind.EGRESS)
LONGEST_ARGUMENTS = 200_000  # bytes
ONCE, THIS_GOAL, NEVER = "once", "goal", "never"
"""The choices of an egress decision: for this run, for every run of this goal from here on, for none of it."""


class AskRequest(Request):
    """One question of a run. `key` names it: the same key of the same run is the same decision, whatever restarts;
    without one, its words are the key. `options`: what may be chosen, `fields`: what may be filled in; a question with
    neither is answered in free text (the field `answer`). `tool`, `arguments` and `tier` say what a permission is for
    (tool `connect` with `to` = HOST:PORT for a contact); what the run says of its tier only ever raises the risk."""

    kind: DecisionKind = DecisionKind.QUESTION
    question: str = Field("", max_length=20_000)
    options: tuple[str, ...] = Field((), max_length=50)
    fields: tuple[FormField, ...] = Field((), max_length=50)
    tool: str = Field("", max_length=200)
    arguments: dict[str, object] = Field(default_factory=dict, max_length=100)
    tier: str = Field("", max_length=50)
    key: str = Field("", max_length=200)

    @model_validator(mode="after")
    def _fits(self) -> "AskRequest":
        if self.kind not in ASKED:
            raise ValueError(f"a run asks {', '.join(ASKED)}, never {self.kind}")
        if self.kind is DecisionKind.QUESTION and not self.question.strip():
            raise ValueError("a question needs words")
        if self.kind is not DecisionKind.QUESTION and not self.tool.strip():
            raise ValueError(f"{self.kind} needs the tool it is for")
        if self.kind is not DecisionKind.QUESTION and (self.options or self.fields):
            raise ValueError(f"the answers to {self.kind} are given: it takes no options and no fields")
        if len(to_json(self.arguments)) > LONGEST_ARGUMENTS:
            raise ValueError(f"the arguments are longer than {LONGEST_ARGUMENTS:,} bytes")
        if self.options and self.fields:
            raise ValueError("a question has options or fields, not both")
        if any(not option or len(option) > 1_000 for option in self.options) or len(set(self.options)) < len(
            self.options
        ):
            raise ValueError("options are different words, each at most 1,000 characters long")
        return self


class AskAnswer(View):
    """How a question stands. `state` answered: `answer` was given; cancelled: nobody will answer it any more; pending
    or staged: wait on."""

    decision: str
    state: DecisionState
    answer: AnswerKind | None = None
    option: str | None = None
    fields: dict[str, str | int | float | bool] = Field(default_factory=dict)
    feedback: str | None = None
    by: str | None = None
    answered_at: datetime | None = None
