"""The loop that starts what may start: woken by commits and by its one clock, a pass per wake-up (DESIGN section 5)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from engine.about import about
from engine.dispatch.announcing import Announcing
from engine.dispatch.aside import Aside, Want
from engine.dispatch.claims import CapReached, Claimed, Limits, Wanted, claim_all
from engine.dispatch.context import Context
from engine.dispatch.decisions.answers import Answers
from engine.dispatch.due import due_after, time_waits
from engine.dispatch.gates.ready import open_ready_gates
from engine.dispatch.limits.agents import AgentBusy
from engine.dispatch.limits.cooldowns import PART, CoolingDown
from engine.dispatch.limits.memory import MemoryShort
from engine.dispatch.limits.outage import DispatchPaused
from engine.dispatch.limits.spawn_window import SpawnWindow
from engine.dispatch.rework.objections import Objections
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.pinned import Occupied
from engine.dispatch.steps import GOALS, TESTERS
from engine.dispatch.testers.beside import Testers
from engine.dispatch.timetable import Timetable
from engine.dispatch.tree.graph import Graph, Node
from engine.dispatch.tree.loading import Loading, load_graph
from engine.dispatch.turns import Turns
from engine.errors import Conflict, StoreError, Unreadable
from engine.events import EventType
from engine.model import FINAL_GOAL_STATES, GoalState
from engine.store import Committed, Share, Tx

log = logging.getLogger(__name__)
T = TypeVar("T")

STORE_RETRY = 1.0  # seconds between passes while the store takes no writes
SAFETY_TIMER = 5.0  # seconds: wall clocks jump; a pass looks at stored times at least this often


class Scheduler:
    """Owns the graphs of all unended goals and decides what starts next. `trouble`: why nothing can be stored;
    `aside`: why nothing starts in a goal, by its id."""

    def __init__(self, context: Context, live: LiveRuns, answers: Answers) -> None:
        self._context = context
        self._live = live
        self._graphs: dict[str, Graph] = {}
        self._active: set[str] = set()
        self._unread: set[str] = set()
        self._loading: list[Loading] = []
        self._turns = Turns(context.clock)
        self._announcing = Announcing(context)
        self._objections = Objections(context.database, context.ids)
        self.window = SpawnWindow(context)
        self._testers = Testers(context, live, self.window)
        self._wake = asyncio.Event()
        self._passing = asyncio.Lock()
        self._timetable = Timetable(context, answers)
        self.book = self._timetable.book
        self.draining = False
        self.trouble: str | None = None
        self.aside: dict[str, str] = {}
        self.dispatching = True
        live.on_room = self._wake.set

    def follow(self, committed: Committed) -> None:
        """Apply what a commit made true; called on the event loop before its writers hear of it."""
        self._objections.follow(committed)
        self._testers.follow(committed)
        for moved in committed.moved:
            for loading in self._loading:
                if loading.goal == moved.goal:
                    loading.moved.append(moved)
            graph = self._graphs.get(moved.goal)
            if graph is not None:
                graph.apply(moved.task, moved.to, moved.not_before, due_after(self._context.clock, moved))
                self._announcing.moved(moved.goal)
        for event in committed.events:
            group = event.type.noun
            if group in ("gate", "decision") or event.data.get("part") == PART:
                self._timetable.changed = True
            elif group == "schedule":
                self.book.changed = True
            elif event.type is EventType.ENGINE_DISPATCH:
                self._switched(bool(event.data["on"]))
            elif group == "goal" and event.goal is not None:
                self._goal_changed(event.goal, event.data.get("state"))
        if committed.moved or committed.events:
            self._wake.set()

    def _goal_changed(self, goal: str, state: object) -> None:
        if state is not None:
            self.aside.pop(goal, None)
            for loading in self._loading:
                if loading.goal == goal:
                    loading.state = str(state)
        if state in FINAL_GOAL_STATES:
            self.book.changed = True  # a start may have waited for its end
            self._graphs.pop(goal, None)
            self._announcing.ended(goal)
            self._testers.forget(goal)
            self._turns.forget(goal)
        if state == GoalState.ACTIVE:
            self._active.add(goal)
            self._announcing.went_on(goal)
            if goal in self._graphs:
                self._graphs[goal].requeue()
            else:
                self._unread.add(goal)
        elif state is not None:
            self._active.discard(goal)

    def set_aside(self, goal: str, why: str) -> None:
        """A row of this goal cannot be read: nothing starts in it before it is paused and resumed, or ends (R16)."""
        if goal not in self.aside:
            log.error("nothing starts in %s: %s", goal, why)
        self.aside[goal] = f"nothing starts in {goal}: {why}"
        self._active.discard(goal)

    def _switched(self, on: bool) -> None:
        self.dispatching = on
        for graph in self._graphs.values() if on else ():
            graph.requeue()

    def look_again(self, goal: str = "") -> None:
        """Settings changed what may start, or an edit the tree of a goal, which is then read anew."""
        self._unread |= self._graphs.keys() & {goal}
        self._timetable.changed = True
        self._wake.set()

    async def replant(self, goal: str, unit: Callable[[Tx], T]) -> T:
        """Commit a change of a goal's tree between two passes: nothing is claimed by the order it had before."""
        async with self._passing:
            done = await self._context.database.write(unit)
            self.look_again(goal)
            return done

    async def add_goal(self, goal: str) -> None:
        """Load a goal's tree, anew when it is followed already; from here on commits keep it up to date."""

        def load(tx: Tx) -> tuple[Graph, str, bool, bool]:
            row, tested = tx.one(GOALS["get"], {"id": goal}), tx.one(TESTERS["any"], {"goal": goal}) is not None
            assert row is not None
            graph = load_graph(tx.connection, goal, self._context.clock.monotonic)
            return graph, row["state"], bool(row["cancelling"]), tested

        under_way = Loading(goal)
        self._loading.append(under_way)
        try:
            graph, state, cancelling, tested = await self._context.database.write(load)
        finally:
            self._loading.remove(under_way)
        time_waits(graph.nodes.values(), self._context.clock)
        for moved in under_way.moved:  # before or after it was read: the last word is the same
            graph.apply(moved.task, moved.to, moved.not_before, due_after(self._context.clock, moved))
        state = under_way.state or state
        if state in FINAL_GOAL_STATES:
            self._unread.discard(goal)
            return
        self._graphs[goal] = graph
        if tested:
            self._testers.know(goal)
        self._unread.discard(goal)
        if state == GoalState.ACTIVE and not cancelling:
            self._active.add(goal)
        self._wake.set()

    async def run(self) -> None:
        """Pass after pass until cancelled."""
        while True:
            self._wake.clear()
            try:
                async with self._passing:
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

    async def at_rest(self) -> None:
        """Return once the pass under way is over: after a drain, nothing is claimed from here on (R97)."""
        async with self._passing:
            return

    def _hold(self, error: StoreError) -> float:
        """Nothing starts while the store takes no writes; what this pass had taken up waits for the next one."""
        if self.trouble is None:
            log.error("dispatch is held: %s (%s)", error.message, error.hint)
        self.trouble = f"nothing starts: {error.message} ({error.hint})"
        self._timetable.changed = self.book.changed = True
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
        for goal in sorted(self._unread):  # started or reopened; read here, so that no store error can lose one
            await self.add_goal(goal)
        await self._timetable.fire(now)
        await self._objections.settle()
        waits, aside = [SAFETY_TIMER, *self._timetable.waits(now)], Aside()
        starts = self.dispatching and not self.draining
        waits += await self._start_ready(aside) if starts else ()
        graphs = [(goal, graph) for goal, graph in sorted(self._graphs.items()) if goal in self._active]
        waits += await self._testers.level(aside, graphs, starts=starts, over=self.draining)
        waits += await self._announcing.tell(graphs) if starts else ()
        return max(0.0, min(waits))

    async def _start_ready(self, aside: Aside) -> list[float]:
        """Claim and start batch after batch; returns waits in seconds for what only time holds."""
        waits: list[float] = []
        while True:
            opened = await open_ready_gates(self._context, sorted(self._active), self._graphs)
            if self.draining:  # while the gates were opened
                break
            active, room = self._active & self._graphs.keys(), self._room()
            chosen, waited = self._turns.choose({goal: self._graphs[goal] for goal in active}, room, aside)
            waits += waited + (self.window.frees() if len(chosen) >= room else [])
            passed = aside.passed
            started = await self._claim(chosen, waits, aside)
            if not (opened or started or aside.passed > passed):
                break
        self._put_back(aside.nodes)
        return waits

    def _put_back(self, nodes: Iterable[Node]) -> None:
        """Their turn comes again, unless their goal has ended while their claims were stored."""
        for node in nodes:
            graph = self._graphs.get(node.goal)
            if graph is not None:
                graph.put_back(node)

    def _room(self) -> int:
        return min(self._context.settings.engine.max_parallel - len(self._live), self.window.room())

    async def _claim(self, nodes: Sequence[Node], waits: list[float], aside: Aside) -> int:
        """Claim each in one group commit; start the runs that were won. Adds to `waits` what a paused dispatch waits
        for, to `aside` what something else than its turn holds."""
        context = self._context
        settings = context.settings.engine
        limits = Limits(settings.max_parallel, context.memory_room(), settings.breaker_window, context.settings.agents)
        many = partial(claim_all, limits=limits, ids=context.ids, engine=context.engine)
        units = [Share(many, Wanted(node.id, node.not_before)) for node in nodes]
        results = await context.database.write_all(units)
        started, refused = 0, None
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, Claimed):
                self.window.take()
                context.metrics.ready(node.id, node.ready_since)
                if result.run.id not in self._live:  # a reconcile may have met the row first
                    self._live.start(result)
                started += 1
            elif isinstance(result, CapReached):
                self._put_back([node])
                aside.wants.append(Want(goal=node.goal))
            elif isinstance(result, DispatchPaused):
                self._put_back([node])
                waits.append(result.seconds)
            elif isinstance(result, Unreadable):
                self.set_aside(node.goal, result.message)
            elif isinstance(result, AgentBusy | CoolingDown | Occupied | MemoryShort):
                aside.hold(node, result)
            elif isinstance(result, Conflict):
                with about(goal=node.goal, task=node.id):
                    log.info("%s was not claimed: %s", node.key, result.message)
            elif isinstance(result, BaseException):
                refused = result
        if refused is not None:  # told once every claim that was won has its run
            raise refused
        return started
