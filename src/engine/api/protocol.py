"""The Engine protocol: implemented by LocalEngine in the process and by RemoteEngine over HTTP."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from engine.api.agents import Agents
from engine.api.answers import (
    Diff,
    EngineInfo,
    GoalView,
    LogLine,
    LogPage,
    RunView,
    Status,
    TaskView,
    TreeNode,
    Why,
)
from engine.api.deciding import Deciding
from engine.api.decisions import DecisionCard, DecisionView
from engine.api.edits import Edits
from engine.api.keeping import Keeping
from engine.api.measuring import Measuring
from engine.api.notices import Notices
from engine.api.orders import Orders
from engine.api.requests import Answer, CreateGoal, LogQuery, StopMode
from engine.api.sandboxes import SandboxView
from engine.api.schedules import Schedules
from engine.api.signals import Signals
from engine.api.stream import Update
from engine.events import Event


class Engine(Orders, Keeping, Measuring, Edits, Deciding, Agents, Signals, Schedules, Notices, Protocol):
    """Commands return a view or raise a PilothouseError; queries return frozen views; `ref` is an id, a unique
    prefix of one, or `GOAL/KEY` for a task. Raises NotFound for a ref that nothing or more than one thing carries."""

    async def info(self) -> EngineInfo: ...

    async def status(self, goal: str | None = None) -> Status: ...

    async def tree(self, goal: str) -> TreeNode: ...

    async def task(self, ref: str) -> TaskView: ...

    async def run(self, ref: str) -> RunView: ...

    async def why(self, ref: str) -> Why: ...

    async def decisions(self) -> Sequence[DecisionView]:
        """Pending and staged ones, most urgent first."""
        ...

    async def decision(self, ref: str) -> DecisionCard: ...

    async def sandboxes(self) -> Sequence[SandboxView]: ...

    async def diff(self, ref: str) -> Diff:
        """The change of a run, a task's newest run, a whole goal, or what a decision or gate would let through."""
        ...

    async def logs(self, ref: str, query: LogQuery) -> LogPage:
        """Lines of a run, or of a task's newest run; alive or gone."""
        ...

    def follow(self, ref: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """The lines `query` names, then every later one until the run has ended."""
        ...

    async def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Events above `after`, oldest first."""
        ...

    def subscribe(self, after: int | None = None) -> AsyncIterator[Update]:
        """A Snapshot first (without `after`), then events in order; Lagged and a new Snapshot for the slow."""
        ...

    async def create_goal(self, request: CreateGoal) -> GoalView: ...

    async def start_goal(self, goal: str) -> GoalView: ...

    async def cancel(self, ref: str, reason: str = "", by: str = "operator") -> GoalView:
        """End a goal or one task for good; returns the goal."""
        ...

    async def answer(self, decision: str, answer: Answer) -> DecisionView: ...

    async def undo(self, decision: str, by: str = "operator") -> DecisionView: ...

    async def stop(self, mode: StopMode) -> None: ...

    async def close(self) -> None:
        """Let go of this engine (a remote one goes on)."""
        ...
