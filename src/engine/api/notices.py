"""What people are told who are not looking, in words that both the engine and a terminal use; and who looks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, assert_never

from pydantic import Field

from engine.api.answers import View
from engine.api.decisions import DecisionView
from engine.api.requests import Request
from engine.events import Event, EventType
from engine.model import (
    AgeingKind,
    BreakerState,
    GoalState,
    NoticeChannel,
    NoticeState,
    OnDeadline,
    Risk,
    Severity,
)
from engine.units import format_duration

LONGEST_TITLE, LONGEST_TEXT = 120, 1_000  # characters
NAMED = 3  # of many that are told together
TEST = "test"
STAGES = {
    EventType.DECISION_OPENED: "opened",
    EventType.DECISION_REMINDED: AgeingKind.REMIND.value,
    EventType.DECISION_ESCALATED: AgeingKind.ESCALATE.value,
    EventType.DECISION_WOKEN: "woken",
}


class Notice(View):
    """One thing to tell: `subject` is a decision, a goal or a part of the engine, `stage` what became of it; the two
    together go out once. Texts are foreign: whoever shows them makes them harmless first."""

    subject: str
    stage: str
    severity: Severity
    title: str = Field(max_length=LONGEST_TITLE)
    text: str = Field(max_length=LONGEST_TEXT)
    goal: str | None = None
    task: str | None = None
    decision: str | None = None


class NoticeView(View):
    """One notice on its way through one channel; `message`: why it did not arrive, or was kept."""

    notice: Notice
    channel: NoticeChannel
    state: NoticeState
    attempts: int
    message: str
    at: datetime
    next_at: datetime


class NoticeOutcome(View):
    """What came of one attempt; `message` is empty when it arrived."""

    channel: NoticeChannel
    message: str


class Presence(Request):
    """What an attached screen says of who sits at it. `focus`: the decision on it, empty for all of them, None
    without any; `idle`: seconds since the last key, None before the first."""

    attachment: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    focus: str | None = Field(None, max_length=64)
    idle: float | None = Field(None, ge=0, allow_inf_nan=False)


class Notices(Protocol):
    """The half of Engine that tells people who are elsewhere."""

    async def report_presence(self, presence: Presence) -> None:
        """Somebody looks, or no longer does; it counts for a short while."""
        ...

    async def notices(self, limit: int = 100) -> tuple[NoticeView, ...]:
        """What was told and what was not, the newest first."""
        ...

    async def try_notices(self, by: str = "operator") -> tuple[NoticeOutcome, ...]:
        """Send one at once through every channel that is set up."""
        ...


def stage_of(event: Event) -> str | None:
    """The stage of its decision that an event tells of; None when it tells of none."""
    if event.type is EventType.GATE_DEADLINE:
        kept = event.data.get("then") in (OnDeadline.REMIND, OnDeadline.ESCALATE)
        return "deadline" if kept and event.data.get("decision") else None
    name = STAGES.get(event.type)
    if name is None:
        return None
    number = event.data.get("stage", event.data.get("version") if name == "woken" else None)
    return name if number is None else f"{name}-{number}"


def about_decision(view: DecisionView, stage: str, now: datetime) -> Notice:
    """Who asks · what · why · what happens when nobody answers."""
    again = stage.startswith(("remind", "escalate", "deadline"))
    escalated = view.escalated or stage.startswith(("escalate", "deadline"))
    urgent = escalated or view.risk is Risk.HIGH
    why = [f"blocks {view.blocks} task{'s' if view.blocks > 1 else ''}"] if view.blocks else []
    if view.risk is Risk.HIGH:
        why.append("risk high" + (f" ({view.risk_reason})" if view.risk_reason else ""))
    why += [f"for {view.delegate}"] if view.delegate else []
    why += [f"open for {format_duration((now - view.opened_at).total_seconds())}"] if again else []
    who = f"{view.goal_title} / {view.task_key}"
    parts = [who, view.question, ", ".join(why), at_deadline(view), view.id]
    return Notice(
        subject=view.id, stage=stage, severity=Severity.URGENT if urgent else Severity.NORMAL,
        title=cut(f"{'Still unanswered' if again else 'Decision needed'}: {who}", LONGEST_TITLE),
        text=cut(" · ".join(cut(part, 400) for part in parts if part), LONGEST_TEXT),
        goal=view.goal, task=view.task, decision=view.id,
    )  # fmt: skip


def at_deadline(view: DecisionView) -> str:
    """What happens when nobody answers, and when."""
    if view.deadline is None:
        return "waits until it is answered"
    when = f"at {view.deadline:%Y-%m-%d %H:%M} UTC"
    match view.on_deadline:
        case OnDeadline.FAIL:
            return f"{when} it fails"
        case OnDeadline.APPROVE:
            return f"{when} it is approved by the goal file"
        case OnDeadline.REMIND:
            return f"{when} you are reminded"
        case OnDeadline.ESCALATE:
            return f"{when} it is escalated"
        case None:
            return f"due {when}"
        case _:
            assert_never(view.on_deadline)


def about_goal(goal: str, title: str, state: GoalState, cause: str, seq: int) -> Notice | None:
    """A goal that ended by itself; `seq` tells two ends of one goal apart."""
    if state not in (GoalState.DONE, GoalState.FAILED):
        return None
    words = title if state is GoalState.DONE else f"{title} · {cause or 'a task of it failed'} · pilothouse why {goal}"
    return Notice(
        subject=goal, stage=f"{state.value}-{seq}",
        severity=Severity.NORMAL if state is GoalState.FAILED else Severity.LOW,
        title=cut(f"Goal {state.value}: {title}", LONGEST_TITLE), text=cut(words, LONGEST_TEXT), goal=goal,
    )  # fmt: skip


def about_engine(event: Event) -> Notice | None:
    """A part of the engine that does not work as it should; a provider at its rate limit is good to know, no more."""
    if event.type is not EventType.ENGINE_DEGRADED or event.data.get("breaker") == BreakerState.HALF_OPEN:
        return None
    data = event.data
    part = str(data.get("part") or data.get("driver") or "engine")
    provider = str(data.get("provider") or "")
    said = str(data.get("message") or f"{provider or part} cannot be used")
    name = f"{part}:{provider}" if provider else part
    return Notice(
        subject=name[:200], stage=f"degraded-{event.seq}", severity=Severity.LOW if provider else Severity.NORMAL,
        title=cut(f"Engine degraded: {provider or part}", LONGEST_TITLE), text=cut(said, LONGEST_TEXT), goal=event.goal,
    )  # fmt: skip


def trial(by: str, now: datetime) -> Notice:
    """What `pilothouse notify test` sends."""
    text = f"This is a test, sent by {by} at {now:%H:%M:%S} UTC. Nothing is waiting for you."
    return Notice(
        subject=TEST, stage=TEST, severity=Severity.NORMAL, title="Pilothouse: test", text=cut(text, LONGEST_TEXT)
    )


def together(notices: Sequence[Notice], now: datetime) -> Notice:
    """Many at once are one: the most urgent by name, the rest as a number."""
    order = sorted(notices, key=lambda notice: -list(Severity).index(notice.severity))
    named = " · ".join(cut(notice.title, 160) for notice in order[:NAMED])
    more = f" · and {len(order) - NAMED} more" if len(order) > NAMED else ""
    return Notice(
        subject="many", stage=f"{now.timestamp():.0f}", severity=order[0].severity,
        title=f"Pilothouse: {len(order)} things to tell", text=cut(named + more, LONGEST_TEXT),
    )  # fmt: skip


def cut(text: str, most: int) -> str:
    """One line of at most so many characters, all of which can be encoded."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if len(line) <= most else line[: most - 1] + "…"
