"""The Engine protocol over the store and dispatch of this process."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

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
from engine.dispatch.creation import start_goal
from engine.dispatch.orders.cancel import cancel_goal, cancel_task
from engine.dispatch.recovery.sweeping import Sweeper
from engine.errors import StoreError, Unavailable
from engine.events import Event, EventType
from engine.local import cards, views
from engine.local.activity import with_activity, with_signs
from engine.local.admission import Admission
from engine.local.agents import LocalAgents
from engine.local.deciding import LocalDeciding
from engine.local.edits import LocalEdits
from engine.local.follow import LogReader
from engine.local.measuring import LocalMeasuring
from engine.local.notices import LocalNotices
from engine.local.orders import LocalOrders
from engine.local.parts import Parts
from engine.local.refs import resolve, run_of, task_of
from engine.local.repeats import LocalRepeats
from engine.local.schedules import LocalSchedules
from engine.local.signals import LocalSignals
from engine.local.why import Room, why_goal, why_task
from engine.model import ExitCause
from engine.sandbox.logs import RunLog
from engine.store import named_queries
from engine.store.rows import event_from

log = logging.getLogger(__name__)

T = TypeVar("T")
EVENTS, RUNS = named_queries("events"), named_queries("runs")
STOP_MARGIN = 15.0  # seconds a stop may take beyond the sandboxes' own grace: a kill, the rest of the log, a removal


class LocalEngine(
    LocalOrders, LocalRepeats, LocalMeasuring, LocalEdits, LocalDeciding, LocalAgents, LocalSignals, LocalSchedules,
    LocalNotices,
):  # fmt: skip
    """One engine in this process. A visiting one answers and stores, but starts nothing."""

    def __init__(self, parts: Parts) -> None:
        LocalOrders.__init__(self, parts)
        LocalRepeats.__init__(self, parts)
        LocalMeasuring.__init__(self, parts)
        self._admission = Admission(parts)
        self._logs = LogReader()
        self._stopped = asyncio.Event()
        self._closing = False
        self._hurrying = False

    # -- queries ----------------------------------------------------------------------------------------------------

    async def info(self) -> EngineInfo:
        return self._parts.info()

    async def status(self, goal: str | None = None) -> Status:
        now = self._parts.context.clock.now()

        def query(connection: sqlite3.Connection) -> tuple[GoalView, ...]:
            if goal is None:
                return views.goal_views(connection, now)
            return (views.goal_view(connection, resolve(connection, goal, "g"), now),)

        return Status(engine=await self.info(), goals=await self._read(query))

    async def tree(self, goal: str) -> TreeNode:
        return await self._read(lambda c: views.tree_view(c, resolve(c, goal, "g")))

    async def task(self, ref: str) -> TaskView:
        return await self._read(lambda c: views.task_view(c, task_of(c, ref)))

    async def run(self, ref: str) -> RunView:
        return await self._read(lambda c: views.run_view(c, run_of(c, ref)))

    async def why(self, ref: str) -> Why:
        context = self._parts.context
        now, cap = context.clock.now(), context.settings.engine.max_parallel
        room = Room(
            len(self._parts.live), cap, context.memory_room(), self._parts.scheduler.window.left(), self._parts.idle(),
            context.settings.agents,
        )  # fmt: skip

        def query(connection: sqlite3.Connection) -> Why:
            found = resolve(connection, ref, "gtrd")
            if found.startswith("g-"):
                return why_goal(connection, found, now)
            if found.startswith("d-"):
                found = str(connection.execute(views.DECISIONS["get"], {"id": found}).fetchone()["task"])
            return why_task(connection, task_of(connection, found), now, room)

        return with_signs(await self._read(query), self._parts.live)

    async def decisions(self) -> Sequence[DecisionView]:
        now = self._parts.context.clock.now()
        return await self._read(lambda c: cards.open_decisions(c, now))

    async def decision(self, ref: str) -> DecisionCard:
        return await cards.card(self._parts.context, await self._decision_id(ref))

    async def sandboxes(self) -> Sequence[SandboxView]:
        return with_activity(await self._read(views.sandbox_views), self._parts.live)

    async def diff(self, ref: str) -> Diff:
        return await cards.diff(self._parts.context, await self._read(lambda c: resolve(c, ref, "grtd")))

    async def logs(self, ref: str, query: LogQuery) -> LogPage:
        run = await self._read(lambda c: run_of(c, ref))
        return await self._logs.page(self._parts.context.paths.run_log(run), run, query, self._live_log(run))

    async def follow(self, ref: str, query: LogQuery) -> AsyncIterator[LogLine]:
        context = self._parts.context
        run = await self._read(lambda c: run_of(c, ref))
        lines = self._logs.follow(context.paths.run_log(run), run, query, lambda: self._live_log(run), context.clock)
        async with contextlib.aclosing(lines):
            async for line in lines:
                yield line

    async def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        rows = await self._parts.context.database.all(EVENTS["after"], {"after": after, "limit": limit})
        return [event_from(row) for row in rows]

    async def subscribe(self, after: int | None = None) -> AsyncIterator[Update]:
        subscription = self._parts.bus.subscribe()
        try:
            if after is None:
                snapshot = await self._snapshot()
                yield snapshot
                seen = snapshot.seq
            else:
                seen = after
                while batch := await self.events(seen):
                    for event in batch:
                        yield event
                    seen = batch[-1].seq
            async for update in subscription:
                if isinstance(update, Lagged):
                    yield update
                    snapshot = await self._snapshot()
                    yield snapshot
                    seen = snapshot.seq
                elif update.seq > seen:
                    yield update
                    seen = update.seq
        finally:
            self._parts.bus.unsubscribe(subscription)

    async def _snapshot(self) -> Snapshot:
        info, now = await self.info(), self._parts.context.clock.now()

        def query(connection: sqlite3.Connection) -> Snapshot:
            seq = int(connection.execute(EVENTS["last_seq"]).fetchone()["seq"])
            return Snapshot(
                seq=seq,
                status=Status(engine=info.model_copy(update={"seq": seq}), goals=views.goal_views(connection, now)),
                decisions=tuple(cards.open_decisions(connection, now)),
                sandboxes=views.sandbox_views(connection),
            )

        found = await self._read(query)
        return found.model_copy(update={"sandboxes": with_activity(found.sandboxes, self._parts.live)})

    # -- commands ---------------------------------------------------------------------------------------------------

    async def create_goal(self, request: CreateGoal) -> GoalView:
        goal = await self._admission.create(request)
        return await self.start_goal(goal) if request.start else await self._goal(goal)

    async def start_goal(self, goal: str) -> GoalView:
        found = await self._read(lambda c: resolve(c, goal, "g"))
        await self._parts.context.database.write(lambda tx: start_goal(tx, found))
        return await self._goal(found)

    async def cancel(self, ref: str, reason: str = "", by: str = "operator") -> GoalView:
        found = await self._read(lambda c: resolve(c, ref, "gtr"))
        cause = f"cancelled by {by}" + (f": {reason}" if reason else "")
        if found.startswith("g-"):
            goal = found
            await self._parts.context.database.write(lambda tx: cancel_goal(tx, found, cause))
        else:
            goal = (await self.task(found)).goal
            task = await self._read(lambda c: task_of(c, found))
            await self._parts.context.database.write(lambda tx: cancel_task(tx, task, cause))
        return await self._goal(goal)

    async def answer(self, decision: str, answer: Answer) -> DecisionView:
        answered = await self._parts.answers.answer(await self._decision_id(decision), answer)
        return await self._read(lambda c: views.decision_view(c, answered))

    async def undo(self, decision: str, by: str = "operator") -> DecisionView:
        undone = await self._parts.answers.undo(await self._decision_id(decision), by)
        return await self._read(lambda c: views.decision_view(c, undone))

    async def gc(self, order: SweepOrder) -> Sweep:
        live = {run.id for run in self._parts.live}
        return await Sweeper(self._parts.context, live, order).sweep()

    async def stop(self, mode: StopMode) -> None:
        """End the engine; `wait_stopped` returns once it may be closed."""
        match mode:
            case StopMode.DETACH:
                return
            case StopMode.DRAIN:
                self._parts.drain()
                await self._emit(EventType.ENGINE_DRAINING)
            case StopMode.STOP:
                self._parts.drain()
                self._parts.live.end_all(ExitCause.CANCELLED)
                if not self._hurrying:
                    self._hurrying = True
                    self._parts.start("engine-stop-limit", self._give_up())
        if not self._closing:
            self._closing = True
            self._parts.start("engine-stop", self._finish())

    async def _finish(self) -> None:
        await self._parts.scheduler.at_rest()
        await self._parts.live.ended()
        await self._say_stopped()

    async def _give_up(self) -> None:
        """A runtime that does not answer holds no stop: what it still has is adopted by the next engine (R98)."""
        context = self._parts.context
        await context.clock.sleep(context.settings.sandbox.stop_grace + STOP_MARGIN)
        if not self._stopped.is_set():
            log.warning("%d live runs could not be ended in time; the next engine adopts them", len(self._parts.live))
            with contextlib.suppress(StoreError):  # then it ends them where this one stopped
                await context.database.write(lambda tx: tx.run(RUNS["take_back_stops"]))
            await self._say_stopped()

    async def _say_stopped(self) -> None:
        await self._parts.tell_stopped()
        self._stopped.set()

    async def ended(self) -> None:
        """Return once a stop or a drain is complete, or a part of the engine died."""
        await self._stopped.wait()

    async def wait_stopped(self) -> None:
        """Return once a stop or a drain is complete; raises Unavailable when a part of the engine died."""
        await self._stopped.wait()
        if self._parts.fatal is not None:
            raise Unavailable(f"the engine stopped: {self._parts.fatal}", hint="see .pilothouse/engine.log")

    def fail(self) -> None:
        """A part that the engine cannot go on without has died."""
        self._stopped.set()

    async def close(self) -> None:
        """Let go of everything in this process; sandboxes that live go on and are adopted by the next engine."""
        await self._parts.close()
        self._stopped.set()

    # -- small steps ------------------------------------------------------------------------------------------------

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await self._parts.context.database.read(query)

    async def _decision_id(self, ref: str) -> str:
        return await self._read(lambda c: resolve(c, ref, "d"))

    def _live_log(self, run: str) -> RunLog | None:
        return self._parts.live.log_of(run)

    async def _emit(self, type: EventType) -> None:
        await self._parts.context.database.write(lambda tx: tx.emit(type))
