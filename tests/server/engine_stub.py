"""An engine at the protocol's edge: canned views, real events over the real bus, every call noted."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import engine_samples as samples
from agents_stub import AgentsStub
from deciding_stub import DecidingStub
from schedules_stub import StubSchedules
from signals_stub import StubSignals

from engine.api import (
    Answer,
    CreateGoal,
    DecisionCard,
    DecisionView,
    Diff,
    EngineInfo,
    GoalOrder,
    GoalView,
    Lagged,
    LogLine,
    LogPage,
    LogQuery,
    RunView,
    SandboxOrder,
    SandboxOutcome,
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
from engine.api.edits import AddedTask, AddedTasks, AddTasks, ChangeSettings, TaskEdit
from engine.api.measuring import Health
from engine.api.repeats import Recorded
from engine.bus import Bus
from engine.errors import Conflict, NotFound
from engine.events import Event, EventType


class StubEngine(DecidingStub, AgentsStub, StubSignals, StubSchedules):
    """`error`, once set, is raised by every call; `capacity` is how far a subscriber may fall behind."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.bus = Bus()
        self.capacity = capacity
        self.stored: list[Event] = []
        self.goals = {samples.GOAL.id: samples.GOAL}
        self.inbox = {samples.DECISION.id: samples.DECISION}
        self.calls: list[tuple[object, ...]] = []
        self.error: Exception | None = None
        self.state = "running"
        self.well = Health(status="ok", parts={"store": "ok"})
        self.keys: dict[str, tuple[str, Recorded | None]] = {}
        self.log_ended = asyncio.Event()
        self.idle = asyncio.Event()  # the last reader has gone
        self.followers = 0
        self.subscribers = 0

    def emit(
        self, kind: EventType = EventType.TASK_STARTED, goal: str | None = samples.GOAL.id, **data: object
    ) -> Event:
        event = Event(seq=len(self.stored) + 1, at=samples.NOON, type=kind, goal=goal, data=data)
        self.stored.append(event)
        self.bus.publish([event])
        return event

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    async def info(self) -> EngineInfo:
        self._called("info")
        return samples.INFO.model_copy(update={"seq": len(self.stored), "state": self.state})

    async def status(self, goal: str | None = None) -> Status:
        self._called("status", goal)
        if goal is not None and goal not in self.goals:
            raise NotFound(f"no goal is called {goal!r}")
        goals = self.goals.values() if goal is None else [self.goals[goal]]
        info = samples.INFO.model_copy(update={"seq": len(self.stored), "state": self.state})
        return Status(engine=info, goals=tuple(goals))

    async def tree(self, goal: str) -> TreeNode:
        self._called("tree", goal)
        return samples.TREE

    async def task(self, ref: str) -> TaskView:
        self._called("task", ref)
        return samples.TASK

    async def run(self, ref: str) -> RunView:
        self._called("run", ref)
        return samples.RUN

    async def why(self, ref: str) -> Why:
        self._called("why", ref)
        return samples.WHY

    async def decisions(self) -> Sequence[DecisionView]:
        self._called("decisions")
        return tuple(self.inbox.values())

    async def decision(self, ref: str) -> DecisionCard:
        self._called("decision", ref)
        return samples.CARD

    async def sandboxes(self) -> Sequence[SandboxView]:
        self._called("sandboxes")
        return (samples.SANDBOX,)

    async def diff(self, ref: str) -> Diff:
        self._called("diff", ref)
        return samples.DIFF

    async def logs(self, ref: str, query: LogQuery) -> LogPage:
        self._called("logs", ref, query)
        return samples.PAGE

    async def follow(self, ref: str, query: LogQuery) -> AsyncIterator[LogLine]:
        self._called("follow", ref, query)
        self.followers += 1
        self.idle.clear()
        try:
            for line in samples.LINES[(query.after if query.after is not None else -1) + 1 :]:
                yield line
            await self.log_ended.wait()
        finally:
            self.followers -= 1
            self._left()

    async def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        self._called("events", after, limit)
        return self.stored[after : after + limit]

    async def subscribe(self, after: int | None = None) -> AsyncIterator[Update]:
        self._called("subscribe", after)
        subscription = self.bus.subscribe(self.capacity)
        self.subscribers += 1
        self.idle.clear()
        try:
            if after is None:
                yield await self.snapshot()
            else:
                for event in self.stored[after:]:
                    yield event
            reached = len(self.stored) if after is None else max(after, len(self.stored))
            async for update in subscription:
                if isinstance(update, Lagged):
                    yield update
                    yield await self.snapshot()
                    reached = len(self.stored)
                elif update.seq > reached:
                    yield update
        finally:
            self.subscribers -= 1
            self.bus.unsubscribe(subscription)
            self._left()

    def _left(self) -> None:
        if not self.followers and not self.subscribers:
            self.idle.set()

    async def snapshot(self) -> Snapshot:
        status = await self.status()
        return Snapshot(
            seq=len(self.stored),
            status=status,
            decisions=tuple(self.inbox.values()),
            sandboxes=(samples.SANDBOX,),
        )

    async def create_goal(self, request: CreateGoal) -> GoalView:
        self._called("create_goal", request)
        return samples.GOAL

    async def start_goal(self, goal: str) -> GoalView:
        self._called("start_goal", goal)
        return samples.GOAL

    async def cancel(self, ref: str, reason: str = "", by: str = "operator") -> GoalView:
        self._called("cancel", ref, reason, by)
        return samples.GOAL

    async def answer(self, decision: str, answer: Answer) -> DecisionView:
        self._called("answer", decision, answer)
        return samples.DECISION

    async def undo(self, decision: str, by: str = "operator") -> DecisionView:
        self._called("undo", decision, by)
        return samples.DECISION

    async def order_goal(self, goal: str, order: GoalOrder, by: str = "operator") -> GoalView:
        self._called("order_goal", goal, order, by)
        return samples.GOAL

    async def retry(self, ref: str, *, fresh: bool = False, by: str = "operator") -> GoalView:
        self._called("retry", ref, fresh, by)
        return samples.GOAL

    async def skip(self, ref: str, by: str = "operator") -> GoalView:
        self._called("skip", ref, by)
        return samples.GOAL

    async def switch_dispatch(self, on: bool, by: str = "operator") -> EngineInfo:
        self._called("switch_dispatch", on, by)
        return samples.INFO.model_copy(update={"dispatch": on})

    async def order_sandbox(self, sandbox: str, order: SandboxOrder, by: str = "operator") -> SandboxOutcome:
        self._called("order_sandbox", sandbox, order, by)
        return samples.OUTCOME

    async def interrupt(self, run: str, by: str = "operator") -> RunView:
        self._called("interrupt", run, by)
        return samples.RUN

    async def gc(self, order: SweepOrder) -> Sweep:
        self._called("gc", order)
        return samples.SWEEP

    async def edit_task(self, ref: str, edit: TaskEdit) -> TaskView:
        self._called("edit_task", ref, edit)
        return samples.TASK

    async def add_tasks(self, goal: str, order: AddTasks) -> AddedTasks:
        self._called("add_tasks", goal, order)
        return AddedTasks(goal=samples.GOAL.id, group="root", tasks=(AddedTask(id=samples.TASK.id, key="new"),))

    async def change_settings(self, order: ChangeSettings) -> EngineInfo:
        self._called("change_settings", order)
        return samples.INFO

    async def health(self) -> Health:
        return self.well

    async def metrics(self) -> str:
        self._called("metrics")
        return "# TYPE pilothouse_goals gauge\n"

    async def begin(self, key: str, digest: str) -> Recorded | None:
        known = self.keys.setdefault(key, (digest, None))
        if known[0] != digest:
            raise Conflict("this key was used for another order")
        return known[1]

    async def finish(self, key: str, answer: Recorded | None) -> None:
        self.keys[key] = (self.keys[key][0], answer)

    async def stop(self, mode: StopMode) -> None:
        self._called("stop", mode)

    async def close(self) -> None:
        self.bus.close()
