"""Opening an engine: lock first, then store, drivers, recovery and the background work."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from engine.bus import Bus
from engine.clock import Clock, SystemClock
from engine.dispatch.agent.leases import keep_leases
from engine.dispatch.context import Context
from engine.dispatch.decisions.answers import Answers
from engine.dispatch.egress.reach import Reach
from engine.dispatch.gates.watching import Watcher
from engine.dispatch.limits.budget_watch import keep_budgets
from engine.dispatch.limits.memory import HostMemory, host_memory
from engine.dispatch.orders.switch import is_on
from engine.dispatch.recovery.deaths import take_hold
from engine.dispatch.recovery.reconcile import Reconciler
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.log_keeping import keep_logs_within
from engine.dispatch.scheduler import Scheduler
from engine.dispatch.schedules.orders import follow_settings
from engine.dispatch.stalls.looking import keep_stalls
from engine.dispatch.work.repositories import tidy_repositories
from engine.errors import Unavailable
from engine.events import EventType
from engine.ids import IdSource, Kind, random_id
from engine.instance_lock import InstanceLock
from engine.local.engine import LocalEngine
from engine.local.measuring import count_open
from engine.local.notifying import Notifier
from engine.local.parts import Parts
from engine.local.reloading import Reloader
from engine.local.starting import Starter
from engine.metrics import Metrics
from engine.model import DriverName, ExitCause
from engine.paths import ProjectPaths
from engine.sandbox.driver import Driver
from engine.settings import Settings, SettingsSource
from engine.store import Committed, Database, Tx, named_queries
from engine.supervisor import Consequence, Crew

EVENTS, GOALS = named_queries("events"), named_queries("goals")


async def open_local(
    root: Path,
    settings: Settings,
    *,
    visiting: bool = False,
    source: SettingsSource | None = None,
    clock: Clock | None = None,
    ids: IdSource = random_id,
    random: Random | None = None,
    drivers: dict[DriverName, Driver] | None = None,
    memory: Callable[[], HostMemory | None] | None = None,
    reach: Reach | None = None,
) -> LocalEngine:
    """An engine for the project at `root`, which is made when it is new.

    Raises EngineRunning when another one holds it and StoreError when its store cannot be used. A visiting engine
    starts no background work. `source`: its files are watched and read again. `drivers` replaces the real ones;
    `memory` replaces what the machine says about its own, which is asked for real drivers only; `reach` replaces
    what may be reached outside for a sandbox, and how.
    """
    paths = await asyncio.to_thread(_prepared, root)
    lock = InstanceLock(paths.lock, visiting=visiting)
    lock.acquire()
    parts: Parts | None = None
    database: Database | None = None
    try:
        clock = clock or SystemClock()
        metrics = Metrics(clock.monotonic)
        bus, follower = Bus(metrics.lagged), _Follower()
        database = Database(clock, follower.committed)
        await database.open(paths.database)
        engine_id = await database.write(lambda tx: _engine_id(tx, ids))
        await database.write(partial(follow_settings, schedules=settings.schedules))
        crew = Crew(follower.fatal)
        offered = drivers if drivers is not None else _drivers(settings, engine_id, paths)
        context = Context(
            engine_id, database, clock, ids, random or Random(), settings, paths, offered, crew,
            watched=bus.has_subscribers, memory=memory or (host_memory if drivers is None else lambda: None),
            metrics=metrics, reach=reach or Reach(),
        )  # fmt: skip
        parts = await _assembled(context, bus, lock, visiting)
        engine = LocalEngine(parts)
        await parts.read_breaker()
        await database.read(partial(count_open, metrics=metrics))
        follower.attach(parts, engine)
        if not visiting:
            follower.starter = Starter(parts)
            await _start(parts, source)
            parts.start("schedules", follower.starter.run())
    except BaseException:
        if parts is not None:
            await parts.close()
        else:
            if database is not None:
                await database.close()
            lock.release()
        raise
    return engine


async def _assembled(context: Context, bus: Bus, lock: InstanceLock, visiting: bool) -> Parts:
    live, answers = LiveRuns(context), Answers(context)
    scheduler = Scheduler(context, live, answers)
    context.exchange.grown = scheduler.add_goal
    scheduler.dispatching = await context.database.read(is_on)
    watcher, notifier = Watcher(context), Notifier(context)
    return Parts(context, bus, live, answers, scheduler, watcher, notifier, lock, visiting, context.clock.now())


def _prepared(root: Path) -> ProjectPaths:
    paths = ProjectPaths(root.resolve())
    try:
        paths.create()
    except OSError as error:
        hint = "the project folder must be writable"
        raise Unavailable(f"{paths.state} cannot be made: {error.strerror}", hint=hint) from error
    return paths


class _Follower:
    """Hands every commit to dispatch, then to the subscribers; remembers what ended the engine."""

    def __init__(self) -> None:
        self._parts: Parts | None = None
        self._engine: LocalEngine | None = None
        self.starter: Starter | None = None

    def attach(self, parts: Parts, engine: LocalEngine) -> None:
        self._parts, self._engine = parts, engine

    def committed(self, committed: Committed) -> None:
        if self._parts is not None:
            self._parts.follow(committed.events)
            self._parts.context.metrics.committed(committed.seconds)
            self._parts.context.metrics.observe(committed.events)
            self._parts.context.exchange.follow(committed.events, self._parts.context.clock.monotonic())
            self._parts.scheduler.follow(committed)
            self._parts.watcher.follow(committed.events)
            if self.starter is not None:
                self.starter.follow(committed.events)
            self._parts.notifier.follow(committed.events)
            self._parts.live.end_tasks(committed.to_end, ExitCause.CANCELLED)
            self._parts.bus.publish(committed.events)

    def fatal(self, name: str, error: BaseException) -> None:
        if self._parts is not None and self._engine is not None:
            self._parts.fatal = f"{name} died: {error}"
            self._engine.fail()


async def _start(parts: Parts, source: SettingsSource | None) -> None:
    context = parts.context
    died = await context.database.write(partial(_took_over, engine=context.engine))
    for row in await context.database.all(GOALS["unended"]):
        if row["state"] != "draft":
            await parts.scheduler.add_goal(row["id"])
    if died:
        await tidy_repositories(context)
    reconciler = Reconciler(context, parts.live, parts.scheduler.set_aside)
    parts.away = reconciler.away
    await reconciler.recover(died=died)
    await parts.scheduler.book.fire(context.clock.now())  # what was missed is known before anybody asks
    parts.start("scheduler", parts.scheduler.run())
    parts.start("watches", parts.watcher.run())
    context.crew.start("notifier", parts.notifier.keep(), on_crash=Consequence.REPORT)
    if source is not None:
        context.crew.start("settings", Reloader(parts, source).run(), on_crash=Consequence.REPORT)
    parts.start("reconcile", reconciler.keep())
    parts.start("log room", keep_logs_within(context))
    parts.start("budgets", keep_budgets(context))
    parts.start("stalls", keep_stalls(context, parts.live))
    parts.start("leases", keep_leases(context))
    parts.start("outboxes", context.exchange.outboxes.run())


def _took_over(tx: Tx, engine: str) -> bool:
    tx.emit(EventType.ENGINE_STARTED, engine=engine)
    return take_hold(tx)


def _engine_id(tx: Tx, ids: IdSource) -> str:
    """This project's engine id, kept for good: it is what marks a container as ours (R41)."""
    row = tx.one(EVENTS["fact"], {"name": "engine"})
    if row is not None:
        return str(row["value"])
    engine = ids(Kind.ENGINE)
    tx.run(EVENTS["set_fact"], {"name": "engine", "value": engine})
    return engine


def _drivers(settings: Settings, engine: str, paths: ProjectPaths) -> dict[DriverName, Driver]:
    from engine.sandbox.docker_driver import DockerDriver
    from engine.sandbox.process_driver import ProcessDriver

    return {
        DriverName.DOCKER: DockerDriver(settings.sandbox.docker_host, engine, paths),
        DriverName.PROCESS: ProcessDriver(engine, paths),
    }
