"""The loop that starts what may start: woken by commits and by its one clock, a pass per wake-up (DESIGN section 5)."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from engine.about import about
from engine.dispatch.answers import Answers
from engine.dispatch.claims import CapReached, Claimed, Limits, claim
from engine.dispatch.context import Context
from engine.dispatch.deadlines import fire_deadlines, next_due
from engine.dispatch.gates import open_ready_gate
from engine.dispatch.graph import Graph, Node
from engine.dispatch.live import LiveRuns
from engine.dispatch.loading import load_graph
from engine.dispatch.memory import MemoryShort
from engine.dispatch.outage import DispatchPaused
from engine.dispatch.steps import GOALS
from engine.dispatch.waiting import announce_waiting
from engine.errors import Conflict, StoreError
from engine.events import EventType
from engine.model import FINAL_GOAL_STATES, GoalState
from engine.store import Committed, Tx

log = logging.getLogger(__name__)

LOOK_PAST = 16  # ready tasks too big for the free memory that one pass looks past, for a smaller one
STORE_RETRY = 1.0  # seconds between passes while the store takes no writes
SAFETY_TIMER = 5.0  # seconds: wall clocks jump; a pass looks at stored times at least this often


class Scheduler:
    """Owns the graphs of all unended goals and decides what starts next. `trouble`: why nothing can be stored."""

    def __init__(self, context: Context, live: LiveRuns, answers: Answers) -> None:
        self._context = context
        self._live = live
        self._answers = answers
        self._graphs: dict[str, Graph] = {}
        self._active: set[str] = set()
        self._announced: set[str] = set()
        self._starts: deque[float] = deque()
        self._wake = asyncio.Event()
        self._due_changed = True
        self._next_due: datetime | None = None
        self.draining = False
        self.trouble: str | None = None
        self.dispatching = True
        live.on_room = self._wake.set

    # -- what happens elsewhere -------------------------------------------------------------------------------------

    def follow(self, committed: Committed) -> None:
        """Apply what a commit made true; called on the event loop before its writers hear of it."""
        for moved in committed.moved:
            graph = self._graphs.get(moved.goal)
            if graph is not None:
                graph.apply(moved.task, moved.to, moved.not_before)
                self._announced.discard(moved.goal)
        for event in committed.events:
            group = event.type.split(".")[0]
            if group in ("gate", "decision"):
                self._due_changed = True
            elif event.type is EventType.ENGINE_DISPATCH:
                self._switched(bool(event.data["on"]))
            elif group == "goal" and event.goal is not None:
                self._goal_changed(event.goal, event.data.get("state"))
        if committed.moved or committed.events:
            self._wake.set()

    def _goal_changed(self, goal: str, state: object) -> None:
        if state in FINAL_GOAL_STATES:
            self._graphs.pop(goal, None)
        if state == GoalState.ACTIVE:
            self._active.add(goal)
            self._announced.discard(goal)
            if goal in self._graphs:
                self._graphs[goal].requeue()
        elif state is not None:
            self._active.discard(goal)

    def _switched(self, on: bool) -> None:
        self.dispatching = on
        for graph in self._graphs.values() if on else ():
            graph.requeue()

    def knows(self, goal: str) -> bool:
        """Whether its tree is followed; that of an ended goal is not."""
        return goal in self._graphs

    async def add_goal(self, goal: str) -> None:
        """Load a goal's tree; from here on commits keep it up to date."""

        def load(tx: Tx) -> tuple[Graph, str, bool]:
            row = tx.one(GOALS["get"], {"id": goal})
            assert row is not None
            return load_graph(tx.connection, goal), row["state"], bool(row["cancelling"])

        graph, state, cancelling = await self._context.database.write(load)
        if state in FINAL_GOAL_STATES:
            return
        self._graphs[goal] = graph
        if state == GoalState.ACTIVE and not cancelling:
            self._active.add(goal)
        self._wake.set()

    # -- the loop ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Pass after pass until cancelled."""
        while True:
            self._wake.clear()
            try:
                until = await self._pass()
            except StoreError as error:
                until = self._hold(error)
            else:
                self._go_on()
            try:
                async with asyncio.timeout(until):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _hold(self, error: StoreError) -> float:
        """Nothing starts while the store takes no writes; what this pass had taken up waits for the next one."""
        if self.trouble is None:
            log.error("dispatch is held: %s (%s)", error.message, error.hint)
        self.trouble = f"nothing starts: {error.message} ({error.hint})"
        self._due_changed = True
        for graph in self._graphs.values():
            graph.requeue()
        return STORE_RETRY

    def _go_on(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            log.warning("the store takes writes again: dispatch goes on")

    async def _pass(self) -> float:
        """Do what can be done; seconds until time alone may allow more."""
        now = self._context.clock.now()
        await self._fire_due(now)
        waits = [SAFETY_TIMER]
        if self._next_due is not None:
            waits.append((self._next_due - now).total_seconds())
        if not self.draining and self.dispatching:
            waits += await self._start_ready(now)
            await self._announce()
        return max(0.0, min(waits))

    async def _fire_due(self, now: datetime) -> None:
        database = self._context.database
        if self._due_changed or (self._next_due is not None and self._next_due <= now):
            self._due_changed = False
            await self._answers.apply_due(now)
            await fire_deadlines(database, now)
            self._next_due = await next_due(database)

    async def _start_ready(self, now: datetime) -> list[float]:
        """Claim and start batch after batch; returns waits in seconds for what only time holds."""
        waits: list[float] = []
        too_big: list[Node] = []
        while True:
            opened = await self._open_gates()
            chosen, waited = self._choose(now)
            waits += waited
            passed_over = len(too_big)
            started = await self._claim(chosen, waits, too_big)
            if not opened and not started and not passed_over < len(too_big) < LOOK_PAST:
                break
        for node in too_big:
            self._graphs[node.goal].put_back(node)
        return waits

    async def _open_gates(self) -> int:
        """Open every ready gate of an active goal: a wait takes no room."""
        opened = 0
        for goal in sorted(self._active & self._graphs.keys()):
            while (node := self._graphs[goal].pop_gate()) is not None:
                opened += await open_ready_gate(self._context, node)
        return opened

    def _choose(self, now: datetime) -> tuple[list[Node], list[float]]:
        """The next tasks, one goal after the other, as far as caps and the spawn window reach."""
        room = self._room()
        chosen: list[Node] = []
        waits: list[float] = []
        aside: list[Node] = []
        turns = deque(sorted(self._active & self._graphs.keys(), key=lambda goal: self._graphs[goal].live))
        while turns and room > 0:
            node = self._graphs[turns[0]].pop()
            if node is None:
                turns.popleft()
            elif node.not_before is not None and node.not_before > now:
                waits.append((node.not_before - now).total_seconds())
                aside.append(node)
            else:
                room -= 1
                chosen.append(node)
                turns.rotate(-1)
        for node in aside:
            self._graphs[node.goal].put_back(node)
        return chosen, waits + (self._window_frees() if room <= 0 else [])

    def _room(self) -> int:
        settings = self._context.settings.engine
        horizon = self._context.clock.monotonic() - settings.spawn_window
        while self._starts and self._starts[0] <= horizon:
            self._starts.popleft()
        return min(settings.max_parallel - len(self._live), settings.spawn_rate - len(self._starts))

    def _window_frees(self) -> list[float]:
        settings = self._context.settings.engine
        if len(self._starts) < settings.spawn_rate:
            return []
        return [self._starts[0] + settings.spawn_window - self._context.clock.monotonic()]

    def window(self) -> float:
        """Seconds until one more may start as far as the spawn window goes; 0 when it may at once."""
        return max([0.0, *self._window_frees()])

    async def _claim(self, nodes: Sequence[Node], waits: list[float], too_big: list[Node]) -> int:
        """Claim each in one group commit; start the runs that were won. Adds to `waits` what a paused dispatch waits
        for, and to `too_big` what does not fit into the host's memory."""
        context = self._context
        settings = context.settings.engine
        limits = Limits(settings.max_parallel, context.memory_room(), settings.breaker_window)
        units = [partial(claim, task=n.id, limits=limits, ids=context.ids, engine=context.engine) for n in nodes]
        results = await asyncio.gather(*map(context.database.write, units), return_exceptions=True)
        started, refused = 0, None
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, Claimed):
                self._starts.append(context.clock.monotonic())
                if result.run.id not in self._live:  # a reconcile may have met the row first
                    self._live.start(result)
                started += 1
            elif isinstance(result, CapReached):
                self._graphs[node.goal].put_back(node)
            elif isinstance(result, DispatchPaused):
                self._graphs[node.goal].put_back(node)
                waits.append(result.seconds)
            elif isinstance(result, MemoryShort):
                too_big.append(node)
            elif isinstance(result, Conflict):
                with about(goal=node.goal, task=node.id):
                    log.info("%s was not claimed: %s", node.key, result.message)
            elif isinstance(result, BaseException):
                refused = result
        if refused is not None:  # told once every claim that was won has its run
            raise refused
        return started

    async def _announce(self) -> None:
        for goal in sorted(self._active - self._announced):
            graph = self._graphs.get(goal)
            if graph is not None and graph.live == 0:
                self._announced.add(goal)
                await self._context.database.write(partial(announce_waiting, goal=goal))
