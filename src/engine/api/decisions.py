"""Decisions as the engine shows them: a row of the inbox, and the card with its evidence."""

from datetime import datetime

from pydantic import Field

from engine.api.answers import Diff, LogLine, RunView, View
from engine.api.contacts import ContactView
from engine.api.notes import Note
from engine.api.verdicts import VerdictView
from engine.model import AnswerKind, DecisionKind, DecisionState, FormField, OnDeadline, Risk


class DecisionView(View):
    """One row of the inbox. `blocks` counts tasks that cannot go on, `chain` those of the longest row of them in which
    each waits for the one before; `risk_reason` says where the label comes from; `on_deadline`: what happens at its
    deadline; `choices` may be chosen from, `fields` filled in; `chosen` and `filled` are what was said.
    `snoozed_until`: hidden up to then; `snoozed_for_news`: or until there is news. `delegate`: who should answer;
    `rule`: which rule did; `reminders`: stages of reminding and escalation that have passed; `approved_by`: the first
    of two approvals."""

    id: str
    version: int
    kind: DecisionKind
    state: DecisionState
    goal: str
    goal_title: str
    task: str
    task_key: str
    question: str
    options: tuple[AnswerKind, ...]
    risk: Risk
    deadline: datetime | None
    on_deadline: OnDeadline | None = None
    opened_at: datetime
    blocks: int
    chain: int = 0
    content: str | None = None
    choices: tuple[str, ...] = ()
    fields: tuple[FormField, ...] = ()
    evidence: dict[str, object] = Field(default_factory=dict)
    risk_reason: str = ""
    answer: AnswerKind | None = None
    chosen: str | None = None
    filled: dict[str, str | int | float | bool] = Field(default_factory=dict)
    feedback: str | None = None
    by: str | None = None
    via: str | None = None
    effective_at: datetime | None = None
    answered_at: datetime | None = None
    snoozed_until: datetime | None = None
    snoozed_for_news: bool = False
    delegate: str | None = None
    notes: tuple[Note, ...] = ()
    reminders: int = 0
    escalated: bool = False
    rule: str | None = None
    approved_by: str | None = None


class OpenQuestion(View):
    """A question of a running task that nobody has answered; an approval of its goal waits for that (R82)."""

    decision: str
    version: int
    task_key: str
    question: str


class DecisionCard(View):
    """A decision with its evidence. `decision.content` is the hash an approval is bound to (R82); `since` is what
    changed since the content it asked about before; with an `open_questions` nothing of its goal is approved. Of a
    conflict, `diff` is what the task changed in the files it is about and `against` what the goal's branch did, or of
    a merge what the goal's branch changed and what the operator's did;
    `contact`: what is known of the host that an egress decision is about; `verdicts`: what judges of its goal said
    last, where something is to be let through."""

    decision: DecisionView
    blocks: tuple[str, ...]
    diff: Diff | None = None
    last_run: RunView | None = None
    last_lines: tuple[LogLine, ...] = ()
    open_questions: tuple[OpenQuestion, ...] = ()
    since: Diff | None = None
    against: Diff | None = None
    contact: ContactView | None = None
    verdicts: tuple[VerdictView, ...] = ()
