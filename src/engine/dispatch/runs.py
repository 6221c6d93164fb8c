"""One run from its claim, or from its adoption, to its exit record."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from engine.dispatch.absence import is_away
from engine.dispatch.claims import Claimed, mark_started, mark_starting
from engine.dispatch.clocks import Clocks
from engine.dispatch.context import Context
from engine.dispatch.endings import Ending, Policy, end_run
from engine.dispatch.frozen import frozen_seconds
from engine.dispatch.growth import outgrown
from engine.dispatch.keeping import keep_artifacts, keep_work, kept_words
from engine.dispatch.merging import merge
from engine.dispatch.pace import Pace
from engine.dispatch.preparation import clean_up, prepare
from engine.dispatch.steps import RUNS
from engine.errors import Conflict, DaemonUnavailable, Invalid, NotFound, OutcomeUnknown, PilothouseError
from engine.events import EventType
from engine.ids import SafeName
from engine.model import DriverName, ExitCause, RunState
from engine.redaction import Redactor
from engine.sandbox.diagnosis import diagnose
from engine.sandbox.driver import Driver, Exit
from engine.sandbox.logs import RunLog, capture
from engine.store import Tx
from engine.supervisor import Consequence
from engine.units import format_size

log = logging.getLogger(__name__)

LAST_LINES = 20
CAPTURE_GRACE = 15.0  # seconds the log may take to end after its sandbox has
IDLE_SAMPLE = 5.0  # seconds between looks at a quiet log, at most


class LiveRun:
    """A run this engine drives: who may ask it to end, and why it was asked first.

    `over`: its exit record is stored; only its sandbox is still to be removed.
    """

    def __init__(self, context: Context, claimed: Claimed) -> None:
        self.claimed = claimed
        self.requested: ExitCause | None = None
        self.log: RunLog | None = None
        self.over = False
        limits = claimed.task.spec.sandbox
        self.redactor = Redactor(limits.env)
        self.clocks = Clocks(context.clock, limits.timeout, limits.idle_timeout)
        if claimed.run.frozen:
            self.clocks.freeze()
        self._killed_by = ""
        self._spent = ""
        self._harshly = False
        self._context = context
        self._asked = asyncio.Event()
        self._policy = Policy(context.settings.engine, context.ids, context.random)

    @property
    def id(self) -> str:
        return self.claimed.run.id

    def ask_end(self, cause: ExitCause) -> None:
        """End this run; the first cause stands."""
        if self.requested is None:
            self.requested = cause
        self._asked.set()

    def kill(self, by: str) -> None:
        """End it at once by an operator's order; what ended it before that stands."""
        if self.requested is None:
            self._killed_by = by
        self.ask_end(ExitCause.CANCELLED)
        self._harshly = True

    async def drive(self) -> None:
        """Start or adopt, follow to the end, store the ending, remove what is left."""
        context, run = self._context, self.claimed.run
        if run.driver is DriverName.ENGINE:
            ending = await self._merge()
            await context.database.write(lambda tx: end_run(tx, run, ending, self._policy))
            return
        driver = context.driver(run.driver)
        run_log = await self._open_log()
        try:
            ending = self._as_ordered(await self._execute(driver, run_log))
            await keep_artifacts(context, self.claimed, driver, run_log)
            ending = await keep_work(context, self.claimed, driver, ending)
        finally:
            run_log.flush()
        for sentence in (ending.message.splitlines()[0], *kept_words(context, run, ending)):
            run_log.note(sentence, context.clock.now())
        run_log.seal()
        await context.database.write(lambda tx: end_run(tx, run, ending, self._policy))
        self.over = True
        await remove_sandbox(context, driver, run.sandbox, None if ending.unkept else run.id)
        await context.database.write(self._tell_removed)

    def _as_ordered(self, ending: Ending) -> Ending:
        """A run that an operator killed is no failure of its task, and waits for a word (R32)."""
        if not self._killed_by or ending.cause is not ExitCause.CANCELLED:
            return ending
        return replace(ending, message=f"killed by {self._killed_by}", killed=True)

    async def _open_log(self) -> RunLog:
        paths, limit = self._context.paths, self._context.settings.sandbox.log_limit
        self.log = await asyncio.to_thread(RunLog.open, paths.run_log(self.id), limit, self.redactor)
        return self.log

    def _tell_removed(self, tx: Tx) -> None:
        run = self.claimed.run
        tx.emit(EventType.SANDBOX_REMOVED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox)

    async def _execute(self, driver: Driver, run_log: RunLog) -> Ending:
        run = self.claimed.run
        started_at = run.started_at
        if run.state is not RunState.RUNNING:
            try:
                started_at = await self._start(driver)
            except (PilothouseError, OSError) as error:
                return self._not_started(error, away=await is_away(driver, error))
        if started_at is None:
            return Ending(ExitCause.CANCELLED, "cancelled before it started")
        return await self._follow(driver, run_log, started_at)

    async def _start(self, driver: Driver) -> datetime | None:
        """Make the sandbox; None when the run was asked to end before that."""
        database, run = self._context.database, self.claimed.run
        if self.requested is not None:
            return None
        await self._remove_earlier(driver)
        spec = await prepare(self._context, driver, self.claimed)
        if run.state is RunState.CREATED:
            await database.write(lambda tx: mark_starting(tx, run.id))
        if self.requested is not None:
            return None
        started = await driver.start(spec)
        await database.write(lambda tx: mark_started(tx, run, started.container_id, adopted=started.adopted))
        return self._context.clock.now()

    async def _remove_earlier(self, driver: Driver) -> None:
        """A start whose effect was never known may have left a sandbox: it goes before its task gets another (R19)."""
        run = self.claimed.run
        if run.n > 1:
            for row in await self._context.database.all(RUNS["perhaps_alive"], {"task": run.task}):
                await driver.remove(SafeName(row["sandbox"]))

    def _not_started(self, error: Exception, *, away: bool) -> Ending:
        message = self.redactor.text(getattr(error, "message", str(error)) or type(error).__name__)
        hint = getattr(error, "hint", "")
        log.warning("%s did not start: %s", self.id, message)
        permanent = isinstance(error, NotFound | Invalid | Conflict)
        words = f"it could not start: {message}" + (f" ({hint})" if hint else "")
        return Ending(ExitCause.START_ERROR, words, permanent=permanent, below=not permanent, away=away)

    async def _follow(self, driver: Driver, run_log: RunLog, started_at: datetime) -> Ending:
        name = SafeName(self.claimed.run.sandbox)
        # A log that cannot be read keeps no run from ending: its follower is a task of its own (HARDENING case 49).
        pace = Pace(self._context.watched)
        capturing = self._context.crew.start(
            f"log {name}", self._capture(driver, name, run_log, pace), on_crash=Consequence.REPORT
        )
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(driver, name, run_log, started_at), name=f"watch {name}")
                measuring = group.create_task(self._measure(driver), name=f"size of {name}")
                ended = await driver.wait(name)
                watching.cancel()
                measuring.cancel()
            pace.hurry()
            _, late = await asyncio.wait({capturing}, timeout=CAPTURE_GRACE)
            if late:
                run_log.gap("the rest of the output could not be read in time", self._context.clock.now())
        finally:
            capturing.cancel()
        return self._diagnosed(ended, run_log)

    async def _capture(self, driver: Driver, name: SafeName, run_log: RunLog, pace: Pace) -> None:
        try:
            await capture(driver, name, run_log, pace.rest)
        except PilothouseError as error:
            run_log.note(f"the log is not complete: {error.message}", self._context.clock.now())

    async def _watch(self, driver: Driver, name: SafeName, run_log: RunLog, started_at: datetime) -> None:
        """Stop the sandbox when it is asked to end, at its timeout, or when it has been silent for too long."""
        await self._begin_clocks(driver, name, started_at)
        seen = run_log.total
        while self.requested is None:
            if run_log.total != seen:
                seen = run_log.total
                self.clocks.heard()
            passed = self.clocks.passed()
            if passed is None:
                await self._asked_within(self.clocks.next_look(IDLE_SAMPLE))
            else:
                self.ask_end(passed)
        await self._order(lambda: self._stop(driver, name), "stopped")

    async def _measure(self, driver: Driver) -> None:
        """End the run when its work folder outgrows what it may hold."""
        limit = self._context.settings.sandbox.work_limit
        held = await outgrown(self._context.clock, driver.work_folder(self.id), limit)
        self._spent = f"its work folder grew to {format_size(held)}, and `sandbox.work_limit` is {format_size(limit)}"
        self.ask_end(ExitCause.BUDGET)

    async def _begin_clocks(self, driver: Driver, name: SafeName, started_at: datetime) -> None:
        """An adopted run goes on where it stood: what it was frozen for is not spent, and frozen it stays."""
        now, stood = self._context.clock.now(), 0.0
        if self.claimed.run.state is RunState.RUNNING:
            stood = await frozen_seconds(self._context.database, self.id, now)
        self.clocks.begin((now - started_at).total_seconds() - stood)
        if self.claimed.run.frozen and self.clocks.frozen:
            await self._order(lambda: driver.pause(name), "frozen again")

    async def _asked_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _stop(self, driver: Driver, name: SafeName) -> None:
        """What stands still neither hears a signal nor ends by itself, so it is thawed first."""
        if self.clocks.frozen:
            await driver.unpause(name)
        if self._harshly:
            await driver.kill(name)
        else:
            await driver.stop(name, self._context.settings.sandbox.stop_grace)

    async def _order(self, order: Callable[[], Awaitable[None]], what: str) -> None:
        """Keep at it until the daemon has taken the order: a call that failed has no known effect."""
        while True:
            try:
                await order()
            except (DaemonUnavailable, OutcomeUnknown) as error:
                log.warning("%s could not be %s yet: %s", self.claimed.run.sandbox, what, error.message)
                await self._context.clock.sleep(1.0)
            except (NotFound, Conflict):
                return  # it has ended: whoever waits for that is told
            else:
                return

    def _diagnosed(self, ended: Exit, run_log: RunLog) -> Ending:
        limits = self.claimed.task.spec.sandbox
        run_log.flush()
        last = tuple(run_log.tail(LAST_LINES))
        found = diagnose(
            ended, requested=self.requested, memory=limits.memory, timeout=limits.timeout,
            idle_timeout=limits.idle_timeout, last_lines=last, spent=self._spent,
        )  # fmt: skip
        return Ending(found.cause, found.message, ended.code, ended.signal, ended.oom, last, gaps=run_log.gaps)

    async def _merge(self) -> Ending:
        context, run = self._context, self.claimed.run
        run_log = await self._open_log()
        if run.state is RunState.CREATED:
            await context.database.write(lambda tx: mark_starting(tx, run.id))
        if run.state is not RunState.RUNNING:
            await context.database.write(lambda tx: mark_started(tx, run, None, adopted=False))
        ending = await merge(context, self.claimed)
        run_log.note(ending.message.splitlines()[0], context.clock.now())
        run_log.seal()
        return ending


async def remove_sandbox(context: Context, driver: Driver, sandbox: str, run: str | None) -> None:
    """Remove a sandbox that has ended, and the folders of `run` when its work is kept; what a daemon does not take is
    left to the next reconcile."""
    name = SafeName(sandbox)
    try:
        await driver.kill(name)
        if run is not None:
            await clean_up(context, driver, run)
        await driver.remove(name)  # last: while it is listed, the next engine finds what this one could not finish
    except PilothouseError as error:
        log.warning("%s is not removed yet: %s", sandbox, error.message)
