"""A stand-in for the engine at the protocol: frozen views, recorded commands, replies that can be held or refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

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
    TaskView,
    TreeNode,
    Update,
    Why,
)
from engine.errors import NotFound, PilothouseError, StaleVersion
from engine.events import Event, EventType
from engine.model import DecisionState, GoalState, Runtime
from ui.frozen_agents import FrozenAgents
from ui.frozen_deciding import FrozenDeciding
from ui.frozen_edits import FrozenEdits

T = TypeVar("T")
NOON = datetime(2026, 5, 4, 14, 20, 7, tzinfo=UTC)


def before(**ago: float) -> datetime:
    return NOON - timedelta(**ago)


class FrozenEngine(FrozenDeciding, FrozenAgents, FrozenEdits):
    """Implements the Engine protocol over dictionaries a test fills and changes."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = EngineInfo(
            id="e-0000000000",
            state="running",
            pid=4242,
            host="dock",
            version="0.1.0",
            project="/srv/shop",
            runtime=Runtime.AUTO,
            driver="docker",
            live_runs=0,
            max_parallel=4,
            seq=18233,
            started_at=before(hours=3),
        )
        self.goals: dict[str, GoalView] = {}
        self.trees: dict[str, TreeNode] = {}
        self.tasks: dict[str, TaskView] = {}
        self.runs: dict[str, RunView] = {}
        self.whys: dict[str, Why] = {}
        self.cards: dict[str, DecisionCard] = {}
        self.order: list[str] = []  # of decisions
        self.boxes: list[SandboxView] = []
        self.diffs: dict[str, Diff] = {}
        self.lines: dict[str, Sequence[LogLine]] = {}
        self.ended: set[str] = set()
        self.calls: list[tuple[str, object]] = []
        self.objections: list[PilothouseError] = []
        self.asked: list[tuple[str, LogQuery]] = []
        self.reply: asyncio.Event | None = None  # answers wait for it
        self.refusal: PilothouseError | None = None
        self.subscribe_error: BaseException | None = None
        self.on_create: Callable[[CreateGoal], GoalView] | None = None
        self.undo_window = 5.0
        self._streams: list[asyncio.Queue[Update | BaseException | None]] = []

    @property
    def connected(self) -> int:
        return len(self._streams)

    def push(self, type: EventType, *, goal: str | None = None, task: str | None = None, **data: object) -> None:
        """Publish an event to everybody who listens."""
        self.engine = self.engine.model_copy(update={"seq": self.engine.seq + 1})
        event = Event(seq=self.engine.seq, at=NOON, type=type, goal=goal, task=task, data=data)
        for stream in self._streams:
            stream.put_nowait(event)

    def lag(self) -> None:
        """Nobody kept up: all of them get a snapshot."""
        for stream in self._streams:
            stream.put_nowait(Lagged(missed=1))

    def drop(self, error: BaseException | None = None) -> None:
        """End every subscription, with an error or just so."""
        for stream in self._streams:
            stream.put_nowait(error)

    def named(self, verb: str) -> list[object]:
        return [what for name, what in self.calls if name == verb]

    async def subscribe(self, after: int | None = None) -> AsyncIterator[Update]:
        if self.subscribe_error is not None:
            raise self.subscribe_error
        queue: asyncio.Queue[Update | BaseException | None] = asyncio.Queue()
        self._streams.append(queue)
        try:
            yield await self.snapshot()
            while True:
                update = await queue.get()
                if update is None:
                    return
                if isinstance(update, BaseException):
                    raise update
                yield update
                if isinstance(update, Lagged):
                    yield await self.snapshot()
        finally:
            self._streams.remove(queue)

    async def snapshot(self) -> Snapshot:
        status, decisions = await self.status(), tuple(await self.decisions())
        return Snapshot(seq=self.engine.seq, status=status, decisions=decisions, sandboxes=tuple(self.boxes))

    async def info(self) -> EngineInfo:
        return self.engine

    async def status(self, goal: str | None = None) -> Status:
        self.calls.append(("status", None))
        engine = self.engine.model_copy(update={"live_runs": len(self.boxes)})
        return Status(engine=engine, goals=tuple(self.goals.values()))

    async def tree(self, goal: str) -> TreeNode:
        self.calls.append(("tree", goal))
        return self._found(self.trees, goal)

    async def task(self, ref: str) -> TaskView:
        return self._found(self.tasks, ref)

    async def run(self, ref: str) -> RunView:
        return self._found(self.runs, ref)

    async def why(self, ref: str) -> Why:
        return self._found(self.whys, ref)

    async def decisions(self) -> Sequence[DecisionView]:
        live = (DecisionState.PENDING, DecisionState.STAGED)
        return [self.cards[ref].decision for ref in self.order if self.cards[ref].decision.state in live]

    async def decision(self, ref: str) -> DecisionCard:
        return self._found(self.cards, ref)

    async def sandboxes(self) -> Sequence[SandboxView]:
        return tuple(self.boxes)

    async def diff(self, ref: str) -> Diff:
        return self._found(self.diffs, ref)

    async def logs(self, ref: str, query: LogQuery) -> LogPage:
        self.asked.append((ref, query))
        lines = self.lines.get(ref, ())
        run = ref
        if ref in self.tasks and self.tasks[ref].runs:
            run = self.tasks[ref].runs[-1].id
            lines = self.lines.get(run, lines)
        start = 0 if query.after is None else query.after + 1
        end = len(lines) if query.stream is not None else start + query.limit
        chosen = (
            lines[start:end] if query.after is not None or query.tail is None else lines[-query.tail or len(lines) :]
        )
        if query.stream is not None:
            chosen = [line for line in chosen[:50_000] if line.stream is query.stream]
        page = tuple(chosen[: query.limit])
        return LogPage(run=run, lines=page, first=0, total=len(lines), ended=run in self.ended)

    async def follow(self, ref: str, query: LogQuery) -> AsyncIterator[LogLine]:
        for line in (await self.logs(ref, query)).lines:
            yield line

    async def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        return ()

    async def create_goal(self, request: CreateGoal) -> GoalView:
        self.calls.append(("create_goal", request))
        if self.on_create is None:
            raise NotFound("this engine takes no goals")
        return self.on_create(request)

    async def start_goal(self, goal: str) -> GoalView:
        self.calls.append(("start_goal", goal))
        self.goals[goal] = self._found(self.goals, goal).model_copy(update={"state": GoalState.ACTIVE})
        return self.goals[goal]

    async def cancel(self, ref: str, reason: str = "", by: str = "operator") -> GoalView:
        self.calls.append(("cancel", ref))
        return next(iter(self.goals.values()))

    async def answer(self, decision: str, answer: Answer) -> DecisionView:
        self.calls.append(("answer", (decision, answer)))
        if self.reply is not None:
            await self.reply.wait()
        if self.refusal is not None:
            raise self.refusal
        view = self.cards[decision].decision
        if answer.version != view.version:
            raise StaleVersion(f"{decision} is at version {view.version}, not {answer.version}", hint="look again")
        return self.change(
            decision,
            state=DecisionState.STAGED if answer.undoable else DecisionState.ANSWERED,
            version=view.version + 1,
            answer=answer.answer,
            chosen=answer.option,
            filled=answer.fields,
            by=answer.by,
            effective_at=NOON + timedelta(seconds=self.undo_window),
        )

    def change(self, decision: str, **changes: object) -> DecisionView:
        """Change a decision and tell everybody."""
        card = self.cards[decision]
        view = card.decision.model_copy(update=changes)
        self.cards[decision] = card.model_copy(update={"decision": view})
        self.push(EventType.DECISION_STAGED, goal=view.goal, task=view.task)
        return view

    async def undo(self, decision: str, by: str = "operator") -> DecisionView:
        self.calls.append(("undo", decision))
        version = self.cards[decision].decision.version + 1
        return self.change(decision, state=DecisionState.PENDING, version=version, answer=None, effective_at=None)

    async def order_goal(self, goal: str, order: GoalOrder, by: str = "operator") -> GoalView:
        self.calls.append(("order_goal", (goal, order)))
        state = {GoalOrder.PAUSE: GoalState.PAUSED, GoalOrder.RESUME: GoalState.ACTIVE}.get(order, GoalState.DRAINING)
        self.goals[goal] = self._found(self.goals, goal).model_copy(update={"state": state})
        return self.goals[goal]

    async def retry(self, ref: str, *, fresh: bool = False, by: str = "operator") -> GoalView:
        self.calls.append(("retry", ref))
        return next(iter(self.goals.values()))

    async def skip(self, ref: str, by: str = "operator") -> GoalView:
        self.calls.append(("skip", ref))
        return next(iter(self.goals.values()))

    async def switch_dispatch(self, on: bool, by: str = "operator") -> EngineInfo:
        self.calls.append(("switch_dispatch", on))
        self.engine = self.engine.model_copy(update={"dispatch": on})
        return self.engine

    async def order_sandbox(self, sandbox: str, order: SandboxOrder, by: str = "operator") -> SandboxOutcome:
        self.calls.append(("order_sandbox", (sandbox, order)))
        frozen = order is SandboxOrder.FREEZE
        self.boxes = [b.model_copy(update={"frozen": frozen}) if b.name == sandbox else b for b in self.boxes]
        return SandboxOutcome(name=sandbox, state="frozen" if frozen else "running")

    async def interrupt(self, run: str, by: str = "operator") -> RunView:
        self.calls.append(("interrupt", run))
        return self._found(self.runs, run)

    async def stop(self, mode: StopMode) -> None:
        self.calls.append(("stop", mode))

    async def close(self) -> None:
        self.calls.append(("close", None))

    @staticmethod
    def _found(known: dict[str, T], ref: str) -> T:
        if ref not in known:
            raise NotFound(f"nothing is called {ref}")
        return known[ref]
