"""Request bodies that only this API has; the others are the requests of `engine.api`."""

from pydantic import AwareDatetime, Field, model_validator

from engine.api import Answer, BatchAnswer, Snooze, StopMode
from engine.api.requests import Request
from engine.model import AnswerKind
from engine.units import Seconds


class Cancel(Request):
    """Why something is ended for good, and by whom."""

    reason: str = Field("", max_length=10_000)
    by: str = Field("operator", max_length=200)


class Ordered(Request):
    """Who gives an order."""

    by: str = Field("operator", max_length=200)


class Retry(Ordered):
    """`fresh`: what failed before counts no more."""

    fresh: bool = False


class SwitchDispatch(Ordered):
    on: bool


class GivenAnswer(Answer):
    """An answer, or `snooze` with one of `until`, `seconds` and `news`."""

    until: AwareDatetime | None = None
    seconds: Seconds | None = Field(None, gt=0, le=366 * 86400)
    news: bool = False

    @model_validator(mode="after")
    def _how_long(self) -> "GivenAnswer":
        given = (self.until is not None) + (self.seconds is not None) + self.news
        if given != (self.answer is AnswerKind.SNOOZE):
            raise ValueError("snooze, and only snooze, needs one of until, seconds and news")
        return self

    def as_snooze(self) -> Snooze:
        return Snooze(version=self.version, until=self.until, seconds=self.seconds, news=self.news, by=self.by,
                      via=self.via)  # fmt: skip

    def as_answer(self) -> Answer:
        return Answer.model_validate(self.model_dump(exclude={"until", "seconds", "news"}))


class Batch(Request):
    answers: tuple[BatchAnswer, ...] = Field(min_length=1, max_length=200)


class Delegate(Ordered):
    """Who should answer; an empty `who` takes the label away."""

    who: str = Field("", max_length=200)


class Noted(Ordered):
    text: str = Field(max_length=20_000)


class StopEngine(Request):
    mode: StopMode
