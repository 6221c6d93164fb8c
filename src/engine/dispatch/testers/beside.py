"""Keeps the testers of every goal level with its workers: ends those that are too many, then starts what has room."""

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from engine.about import about
from engine.dispatch.aside import Aside, Want
from engine.dispatch.claims import Limits
from engine.dispatch.context import Context
from engine.dispatch.due import seconds_left
from engine.dispatch.limits.agents import Profiles, all_places_taken
from engine.dispatch.limits.cooldowns import cooling
from engine.dispatch.limits.outage import stored
from engine.dispatch.limits.spawn_window import SpawnWindow
from engine.dispatch.runs.life import LiveRun
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.pinned import occupied
from engine.dispatch.testers.batches import NothingToTest, claim_batch
from engine.dispatch.testers.teams import Team, Tester, teams_of
from engine.dispatch.tree.graph import Graph, Node
from engine.errors import Conflict, Unreadable
from engine.events import EventType
from engine.model import LIVE_TASK_STATES, BreakerState, ExitCause, TaskState
from engine.store import Committed

log = logging.getLogger(__name__)


class Testers:
    """What the scheduler knows of testers. Which goals have some is told to it; everything else it reads."""

    def __init__(self, context: Context, live: LiveRuns, window: SpawnWindow) -> None:
        self._context = context
        self._live = live
        self._window = window
        self._goals: dict[str, int] = {}  # how often something in it may have become due
        self._tested: set[str] = set()  # groups in which nothing is due
        self._ended: set[str] = set()  # runs whose sandbox is still removed

    def know(self, goal: str) -> None:
        """This goal has testers."""
        self._goals.setdefault(goal, 0)
        self._tested.clear()

    def forget(self, goal: str) -> None:
        self._goals.pop(goal, None)

    def follow(self, committed: Committed) -> None:
        """What is done is due, and so is what a tester that has ended could not test."""
        if not self._goals:
            return
        self._ended |= {str(event.run) for event in committed.events if event.type is EventType.RUN_ENDED}
        for moved in committed.moved:
            if moved.goal in self._goals and moved.to not in LIVE_TASK_STATES:
                self._goals[moved.goal] += 1
                self._tested.clear()

    async def level(
        self, aside: Aside, graphs: Sequence[tuple[str, Graph]], *, starts: bool, over: bool
    ) -> list[float]:
        """Work goes first: what was refused, and what is ready in `graphs` and found every place of the engine taken.
        `starts`: anything may start; `over`: nothing goes on. Returns waits in seconds."""
        if not self._goals:
            return []
        self._ended &= {live.id for live in self._live}
        wants = [*aside.wants, *(await self._crowded_out(aside, graphs) if starts else ())]
        self._give_way(wants)
        waits: list[float] = []
        handed_over = self._handed_over(graphs) if starts else set()
        for goal in sorted(self._goals):
            for team in await self._context.database.read(partial(teams_of, goal=goal)):
                if goal not in handed_over or not team.open:
                    self._end_surplus(team, 0 if over else team.allowed)
                if starts and team.group not in self._tested:
                    waits += await self._start(team, wants)
        return waits

    def living(self) -> list[LiveRun]:
        """Those that run, the newest first: the least is lost with it."""
        testers = [live for live in self._live if live.claimed.task.tests is not None and live.id not in self._ended]
        return sorted(testers, key=lambda live: (live.claimed.run.created_at, live.id), reverse=True)

    async def _crowded_out(self, aside: Aside, graphs: Iterable[tuple[str, Graph]]) -> list[Want]:
        """As much as testers could give way to, but for what takes the places of sandboxes that are still removed."""
        if len(self._live) < self._context.settings.engine.max_parallel:
            return []
        clock, held = self._context.clock, {node.id for node in aside.nodes}
        ready = (node for _, graph in graphs for node in graph.waiting() if node.id not in held)
        due = (node for node in ready if seconds_left(node, clock) <= 0)
        nodes = list(islice(due, len(self._ended), len(self._ended) + len(self.living())))
        agents = self._context.settings.agents
        return await self._context.database.read(partial(_wanted, nodes=nodes, agents=agents)) if nodes else []

    def _give_way(self, wants: Iterable[Want]) -> None:
        """One tester ends for each piece of work that its end makes room for."""
        living = sorted(self.living(), key=lambda live: live.requested is None)  # those that end already come first
        for want in wants:
            fitting = (live for live in living if want.fits(live.claimed.goal.id, live.claimed.task.spec.agent))
            if (tester := next(fitting, None)) is not None:
                living.remove(tester)
                tester.ask_end(ExitCause.CANCELLED)

    def _handed_over(self, graphs: Iterable[tuple[str, Graph]]) -> set[str]:
        """Goals in which a worker has ended whose sandbox is still removed, and another one waits for its place: that
        is no end of the work. The pass after the removal looks again."""
        leaving = {live.claimed.goal.id for live in self._live if live.id in self._ended}
        return {goal for goal, graph in graphs if goal in leaving and any(graph.waiting())}

    def _end_surplus(self, team: Team, allowed: int) -> None:
        living = [live for live in self.living() if live.claimed.task.tests == team.group]
        surplus = len(living) - allowed
        for live in sorted(living, key=lambda live: live.requested is None)[: max(0, surplus)]:
            live.ask_end(ExitCause.CANCELLED)

    async def _start(self, team: Team, wants: Sequence[Want]) -> list[float]:
        waits, live, now = [], len(team.live), self._context.clock.now()
        for tester in team.testers:
            if live >= team.allowed or not self._room() or any(want.fits(team.goal, tester.agent) for want in wants):
                break
            if tester.state is not TaskState.PENDING:
                continue
            if tester.not_before is not None and tester.not_before > now:
                waits.append((tester.not_before - now).total_seconds())
            elif not await self._claim(team, tester):
                break
            else:
                live += 1
        return waits

    def _room(self) -> bool:
        """Half of the spawn window is kept for work that becomes ready in a moment."""
        settings = self._context.settings.engine
        return len(self._live) < settings.max_parallel and self._window.room() > settings.spawn_rate // 2

    async def _claim(self, team: Team, tester: Tester) -> bool:
        context, seen = self._context, self._goals.get(team.goal)
        settings = context.settings.engine
        limits = Limits(settings.max_parallel, context.memory_room(), settings.breaker_window, context.settings.agents)
        unit = partial(
            claim_batch, tester=tester.id, group=team.group, goal=team.goal, limits=limits, ids=context.ids,
            engine=context.engine,
        )  # fmt: skip
        try:
            claimed = await context.database.write(unit)
        except NothingToTest:
            if self._goals.get(team.goal) == seen:  # nothing has become due while it looked
                self._tested.add(team.group)
            return False
        except (Conflict, Unreadable) as error:
            with about(goal=team.goal, task=tester.id):
                log.info("%s was not claimed: %s", tester.key, error.message)
            return False
        self._window.take()
        if claimed.run.id not in self._live:  # a reconcile may have met the row first
            self._live.start(claimed)
        return True


def _wanted(connection: sqlite3.Connection, nodes: Sequence[Node], agents: Profiles) -> list[Want]:
    """What these ready tasks want. Nobody gives way to what waits for its provider or its sandbox as well."""
    if stored(connection).state is not BreakerState.CLOSED:
        return []
    cool = cooling(connection)
    free = [node for node in nodes if node.provider not in cool and not occupied(connection, node.goal, node.pin)]
    return [Want(agent=node.agent if all_places_taken(connection, node.agent, agents) else None) for node in free]
