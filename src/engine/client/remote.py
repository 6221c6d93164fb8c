"""RemoteEngine: the Engine protocol over the control API of an engine in another process."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, TypeAdapter

from engine.api import (
    Answer,
    CreateGoal,
    DecisionCard,
    DecisionView,
    Diff,
    EngineInfo,
    GoalView,
    Lagged,
    LogLine,
    LogPage,
    LogQuery,
    RunView,
    SandboxView,
    Snapshot,
    Status,
    StopMode,
    Sweep,
    SweepOrder,
    TaskView,
    TreeNode,
    Update,
    Why,
)
from engine.client.agents import RemoteAgents
from engine.client.deciding import RemoteDeciding
from engine.client.edits import RemoteEdits
from engine.client.measuring import RemoteMeasuring
from engine.client.notices import RemoteNotices
from engine.client.orders import RemoteOrders
from engine.client.reading import read as _read
from engine.client.reading import read_all as _read_all
from engine.client.reading import segment as _segment
from engine.client.schedules import RemoteSchedules
from engine.client.signals import RemoteSignals
from engine.errors import EngineUnavailable
from engine.events import Event

if TYPE_CHECKING:
    from engine.client.wire import Params, Wire

M = TypeVar("M", bound=BaseModel)
SWEEPING = 1800.0  # seconds for removing what runs left behind: a folder may hold millions of files

DECISIONS: TypeAdapter[tuple[DecisionView, ...]] = TypeAdapter(tuple[DecisionView, ...])
SANDBOXES: TypeAdapter[tuple[SandboxView, ...]] = TypeAdapter(tuple[SandboxView, ...])
EVENTS: TypeAdapter[tuple[Event, ...]] = TypeAdapter(tuple[Event, ...])


class RemoteEngine(
    RemoteOrders,
    RemoteMeasuring,
    RemoteEdits,
    RemoteDeciding,
    RemoteAgents,
    RemoteSignals,
    RemoteSchedules,
    RemoteNotices,
):
    """An engine that somebody else runs. A lost connection is EngineUnavailable; connecting anew is the caller's."""

    def __init__(self, wire: "Wire") -> None:
        super().__init__(wire)

    @classmethod
    async def connect(cls, url: str, token: str | None = None) -> "RemoteEngine":
        """Attach to `unix:PATH`, or to `http://HOST:PORT` with a token. Raises EngineUnavailable at once when nobody
        answers there, Refused when the token does not open it, Invalid for other addresses."""
        from engine.client.address import line_to
        from engine.client.wire import Wire

        engine = cls(Wire(line_to(url, token)))
        try:
            await engine.info()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def info(self) -> EngineInfo:
        return await self._get(EngineInfo, "info")

    async def status(self, goal: str | None = None) -> Status:
        return await self._get(Status, "status", {} if goal is None else {"goal": goal})

    async def tree(self, goal: str) -> TreeNode:
        return await self._get(TreeNode, f"goals/{_segment(goal)}/tree")

    async def task(self, ref: str) -> TaskView:
        return await self._get(TaskView, f"tasks/{_segment(ref)}")

    async def run(self, ref: str) -> RunView:
        return await self._get(RunView, f"runs/{_segment(ref)}")

    async def why(self, ref: str) -> Why:
        return await self._get(Why, f"tasks/{_segment(ref)}/why")

    async def decisions(self) -> Sequence[DecisionView]:
        return _read_all(DECISIONS, await self._wire.get("/v1/decisions"))

    async def decision(self, ref: str) -> DecisionCard:
        return await self._get(DecisionCard, f"decisions/{_segment(ref)}")

    async def sandboxes(self) -> Sequence[SandboxView]:
        return _read_all(SANDBOXES, await self._wire.get("/v1/sandboxes"))

    async def diff(self, ref: str) -> Diff:
        return await self._get(Diff, f"runs/{_segment(ref)}/diff")

    async def logs(self, ref: str, query: LogQuery) -> LogPage:
        return await self._get(LogPage, f"runs/{_segment(ref)}/logs", _lines(query))

    async def follow(self, ref: str, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        stream = self._wire.stream(f"/v1/runs/{_segment(ref)}/logs/stream", _lines(query))
        async with aclosing(stream) as events:
            async for event in events:
                match event.name:
                    case "line":
                        yield _read(LogLine, event.data)
                    case "end":
                        return
        raise self._dropped()

    async def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        return _read_all(EVENTS, await self._wire.get("/v1/events", {"after": after, "limit": limit}))

    async def subscribe(self, after: int | None = None) -> AsyncGenerator[Update, None]:
        stream = self._wire.stream("/v1/events/stream", {} if after is None else {"after": after})
        async with aclosing(stream) as events:
            async for event in events:
                match event.name:
                    case "event":
                        yield _read(Event, event.data)
                    case "snapshot":
                        yield _read(Snapshot, event.data)
                    case "lagged":
                        yield _read(Lagged, event.data)
        raise self._dropped()

    async def create_goal(self, request: CreateGoal) -> GoalView:
        return _read(GoalView, await self._wire.post("/v1/goals", request))

    async def start_goal(self, goal: str) -> GoalView:
        return _read(GoalView, await self._wire.post(f"/v1/goals/{_segment(goal)}/start"))

    async def cancel(self, ref: str, reason: str = "", by: str = "operator") -> GoalView:
        noun = "goals" if ref.startswith("g") and "/" not in ref else "tasks"  # a task may be named by its run, too
        body = {"reason": reason, "by": by}
        return _read(GoalView, await self._wire.post(f"/v1/{noun}/{_segment(ref)}/cancel", body))

    async def answer(self, decision: str, answer: Answer) -> DecisionView:
        return _read(DecisionView, await self._wire.post(f"/v1/decisions/{_segment(decision)}/answer", answer))

    async def undo(self, decision: str, by: str = "operator") -> DecisionView:
        return _read(DecisionView, await self._wire.post(f"/v1/decisions/{_segment(decision)}/undo", {"by": by}))

    async def stop(self, mode: StopMode) -> None:
        await self._wire.post("/v1/engine/stop", {"mode": mode})

    async def gc(self, order: SweepOrder) -> Sweep:
        return _read(Sweep, await self._wire.post("/v1/engine/gc", order, patience=SWEEPING))

    async def close(self) -> None:
        await self._wire.close()

    async def _get(self, model: type[M], path: str, params: "Params | None" = None) -> M:
        return _read(model, await self._wire.get(f"/v1/{path}", params))

    def _dropped(self) -> EngineUnavailable:
        return EngineUnavailable(f"the engine at {self._wire.place} ended the stream", hint="it stopped: attach again")


def _lines(query: LogQuery) -> "Params":
    asked = {name: value for name, value in query if value is not None}
    return asked | ({} if query.since is None else {"since": query.since.isoformat()})
