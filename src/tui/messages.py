"""What travels between the bridge, the app and the screens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from textual.message import Message

from engine.api import DecisionView, GoalView, SandboxView, Status, TreeNode
from engine.events import Event
from engine.model import AnswerKind


class Link(StrEnum):
    """How the screen is joined to the engine."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True)
class Sent:
    """An answer on its way: shown as sent until the engine confirms it (R125). Without `confirmed` no reply had come
    at the time of that `reading` of the decisions: it may or may not have arrived."""

    decision: str
    version: int
    answer: AnswerKind
    at: datetime
    confirmed: bool = True
    reading: int = 0


@dataclass(frozen=True)
class Overview:
    """Everything the screens paint from: the newest state of the engine, and how old it may be.
    `reading` counts how often reading the decisions has begun."""

    link: Link = Link.CONNECTING
    trouble: str = ""
    heard_at: datetime | None = None
    seq: int = 0
    status: Status | None = None
    decisions: tuple[DecisionView, ...] = ()
    reading: int = 0
    sandboxes: tuple[SandboxView, ...] = ()
    trees: Mapping[str, TreeNode] = field(default_factory=dict)
    news: tuple[Event, ...] = ()
    sent: Mapping[str, Sent] = field(default_factory=dict)

    @property
    def goals(self) -> tuple[GoalView, ...]:
        return () if self.status is None else self.status.goals

    def goal(self, ref: str) -> GoalView | None:
        return next((goal for goal in self.goals if goal.id == ref), None)

    def decision(self, ref: str | None) -> DecisionView | None:
        return next((decision for decision in self.decisions if decision.id == ref), None)


class Changed(Message):
    """The overview is a new one: at most one a frame."""

    def __init__(self, overview: Overview) -> None:
        super().__init__()
        self.overview = overview


class ShowLogs(Message):
    """Show the log of a run, or of a task's newest run."""

    def __init__(self, ref: str, label: str) -> None:
        super().__init__()
        self.ref = ref
        self.label = label


class ShowShell(Message):
    """Open a shell in the live sandbox of a task."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self.task = task


class ShowCard(Message):
    """Open the card of a decision."""

    def __init__(self, decision: str) -> None:
        super().__init__()
        self.decision = decision


class ShowNode(Message):
    """Show a goal, or a task of it, in the tree."""

    def __init__(self, goal: str, task: str | None = None) -> None:
        super().__init__()
        self.goal = goal
        self.task = task


class ShowHelp(Message):
    """Show the keys of some scopes."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__()
        self.scopes = scopes
