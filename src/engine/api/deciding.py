"""What can be done with decisions beyond one answer: put off, passed on, noted, answered by rule, proved later."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import AwareDatetime, Field, model_validator

from engine.api.answers import View
from engine.api.decisions import DecisionView
from engine.api.ledger import LedgerCheck, LedgerEntry
from engine.api.notes import Note
from engine.api.requests import Answer, Request
from engine.model import AnswerKind, DecisionKind, Risk
from engine.units import Seconds

LONGEST_PATTERN = 500  # characters


class Snooze(Request):
    """Put a decision off: `until` a time, for so many `seconds`, or until there is `news` (what it asks about changes,
    or somebody adds a note). Exactly one of them. It answers nothing: the decision stays pending, its version moves."""

    version: int
    until: AwareDatetime | None = None
    seconds: Seconds | None = Field(None, gt=0, le=366 * 86400)
    news: bool = False
    by: str = Field("operator", min_length=1, max_length=200)
    via: str = Field("api", max_length=50)

    @model_validator(mode="after")
    def _one(self) -> "Snooze":
        if (self.until is not None) + (self.seconds is not None) + self.news != 1:
            raise ValueError("a snooze is until a time, for a while, or until there is news: one of them")
        return self


class BatchAnswer(Request):
    """One row of a batch: the answer to one decision, with the version and content that were shown."""

    decision: str
    answer: Answer


class BatchOutcome(View):
    """What became of one row: the decision after it, or why it was refused (`code` and `message` of the error)."""

    decision: str
    view: DecisionView | None = None
    code: str = ""
    message: str = ""


class RuleEffect(StrEnum):
    """What a rule answers with."""

    APPROVE = "approve"
    REJECT = "reject"


RULED = (DecisionKind.PERMISSION, DecisionKind.EGRESS, DecisionKind.REVIEW)
"""The only kinds a rule may answer: a human gate of a goal file never."""


class RuleDraft(Request):
    """A rule that could be. Every pattern has to fit: `*` stands for any characters, `?` for one; in the value of an
    argument neither stands for a control character or one that means something to a shell. `goal` is matched with the
    title, `task` with the key. An approving rule fits only when it names each argument of the request.
    `expires` and `max_uses` bound it; `reason` is said in the ledger."""

    kind: DecisionKind
    effect: RuleEffect
    goal: str = Field("*", min_length=1, max_length=LONGEST_PATTERN)
    task: str = Field("*", min_length=1, max_length=LONGEST_PATTERN)
    tool: str = Field("*", min_length=1, max_length=LONGEST_PATTERN)
    arguments: dict[str, str] = Field(default_factory=dict, max_length=20)
    expires: AwareDatetime | None = None
    max_uses: int | None = Field(None, ge=1, le=1_000_000)
    reason: str = Field("", max_length=2_000)

    @model_validator(mode="after")
    def _closed(self) -> "RuleDraft":
        if self.kind not in RULED:
            raise ValueError(f"a rule answers {', '.join(RULED)}, never {self.kind}")
        if any(len(name) > 200 or len(pattern) > LONGEST_PATTERN for name, pattern in self.arguments.items()):
            raise ValueError(f"an argument's pattern is at most {LONGEST_PATTERN} characters long")
        if self.effect is RuleEffect.REJECT and not self.reason.strip():
            raise ValueError("a rule that rejects needs a reason: whoever asked is told it")
        return self


class RuleMatch(View):
    """One decision of the past that the rule would have answered, and what was said then; None: never answered."""

    decision: str
    goal: str
    task_key: str
    question: str
    opened_at: datetime
    answer: AnswerKind | None = None
    by: str | None = None


class Rehearsal(View):
    """A rule run over the history: so many it fits were `approved`, `denied`, left `unanswered`. `hash` pins the draft
    and what it fitted; `add_rule` takes no other. `matches` holds the newest, at most 100."""

    draft: RuleDraft
    approved: int
    denied: int
    unanswered: int
    matches: tuple[RuleMatch, ...]
    hash: str


class AddRule(Request):
    """Make a rehearsed draft a rule; `rehearsed` is the hash of the rehearsal that was shown."""

    draft: RuleDraft
    rehearsed: str = Field(max_length=64)
    by: str = Field("operator", min_length=1, max_length=200)


class Rule(View):
    """A rule in force, or one that was: `active` is false once it is revoked, expired or used up."""

    id: str
    draft: RuleDraft
    by: str
    created_at: datetime
    uses: int = 0
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    active: bool = True


class RuleOffer(View):
    """The same answer was given so many `times` in a row to the same request: a rule could give it."""

    draft: RuleDraft
    times: int
    question: str


class Attention(View):
    """How answers were given: so many by people, of those `quick` ones in under two seconds; `by_rule` by rules."""

    answers: int
    quick: int
    by_rule: int
    pending: dict[Risk, int] = Field(default_factory=dict)
    offers: tuple[RuleOffer, ...] = ()


class Deciding(Protocol):
    """The deciding half of Engine, beside `answer` and `undo`. Conflict or StaleVersion when somebody was faster."""

    async def snooze(self, decision: str, snooze: Snooze) -> DecisionView:
        """Put it off. Invalid when that would reach its deadline: it never hides what is about to expire."""
        ...

    async def delegate(self, decision: str, who: str, by: str = "operator") -> DecisionView:
        """Label it with who should answer; an empty `who` takes the label away. Anybody still may answer."""
        ...

    async def note(self, ref: str, text: str, by: str = "operator") -> Note:
        """Add a few words to a decision or a task."""
        ...

    async def answer_batch(self, answers: Sequence[BatchAnswer]) -> Sequence[BatchOutcome]:
        """Answer look-alikes: pending, of one kind, of one risk that is not high, all in the same words. Invalid as a
        whole when they are not alike; otherwise each row has its own outcome and no row touches another."""
        ...

    async def history(
        self, limit: int = 100, before: int | None = None, decision: str | None = None
    ) -> Sequence[LedgerEntry]:
        """Rows of the ledger, newest first, below the seq `before`; of one decision when it is named."""
        ...

    async def attention(self) -> Attention:
        """How the answers of the past were given, and which rules could have given them."""
        ...

    async def verify_ledger(self) -> LedgerCheck:
        """Follow the whole chain and say whether it holds."""
        ...

    async def rules(self) -> Sequence[Rule]:
        """Every rule there ever was, those in force first."""
        ...

    async def rehearse(self, draft: RuleDraft) -> Rehearsal:
        """Run a draft over the history; nothing is written."""
        ...

    async def add_rule(self, request: AddRule) -> Rule:
        """StaleVersion unless `rehearsed` is the hash of this draft over the history as it is."""
        ...

    async def revoke_rule(self, rule: str, by: str = "operator") -> Rule:
        """It answers nothing more; what it answered stands."""
        ...
