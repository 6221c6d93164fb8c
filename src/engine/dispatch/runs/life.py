"""One run from its claim, or from its adoption, to its exit record."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from engine.dispatch.agent.reports import as_reported
from engine.dispatch.claims import Begun, Claimed, mark_all_started, mark_all_starting
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.ordered import as_ordered
from engine.dispatch.endings.well import Ended, end_all
from engine.dispatch.limits.agents import environment
from engine.dispatch.rework.verdicts import judged
from engine.dispatch.runs.clocks import Clocks
from engine.dispatch.runs.doorway import Doorway
from engine.dispatch.runs.frozen import frozen_seconds
from engine.dispatch.runs.growth import outgrown
from engine.dispatch.runs.insisting import insist, store_asked
from engine.dispatch.runs.keeping import keep
from engine.dispatch.runs.pace import Pace
from engine.dispatch.runs.reading_out import read_out
from engine.dispatch.runs.removing import clear, remove_sandbox, tell_removed
from engine.dispatch.runs.resting import lay_to_rest, remove_rests
from engine.dispatch.runs.starting import not_started, start_sandbox, words_of
from engine.dispatch.runs.transcript import Transcript
from engine.dispatch.runs.way_out import outbox_of
from engine.dispatch.stalls.pulse import Pulse
from engine.dispatch.stalls.signs import Signs
from engine.dispatch.steps import RUNS
from engine.dispatch.work.merging import merge
from engine.errors import PilothouseError, StoreError
from engine.ids import SafeName
from engine.model import DriverName, ExitCause, RunState
from engine.redaction import Redactor
from engine.sandbox.diagnosis import diagnose
from engine.sandbox.driver import Driver, Exit
from engine.sandbox.logs import RunLog, capture
from engine.store import Share
from engine.store.rows import run_from
from engine.supervisor import Consequence
from engine.units import format_size

Rest = Callable[[], Awaitable[None]]

LAST_LINES = 20
IDLE_SAMPLE = 5.0  # seconds between looks at a quiet log, at most


class LiveRun:
    """A run this engine drives: who may ask it to end, and why it was asked first.

    `started`: its sandbox was there; `over`: its exit record is stored; only its sandbox is still to be removed.
    """

    def __init__(self, context: Context, claimed: Claimed) -> None:
        self.claimed = claimed
        self.requested: ExitCause | None = None
        self.log: RunLog | None = None
        self.over = False
        self.started = False
        limits = claimed.task.spec.sandbox
        self.redactor = Redactor(environment(claimed.task.spec, context.settings.agents))
        self.signs, self.pulse = Signs(context.clock), Pulse(context.clock)
        self.clocks = Clocks(context.clock, limits.timeout, limits.idle_timeout)
        if claimed.run.frozen:
            self.clocks.freeze()
        self._door = Doorway(context, claimed, self.signs, self.redactor)
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
        """Start or adopt, follow to the end, store the ending, remove what is left; nothing when it has ended."""
        context = self._context
        if not await self._stands():
            return
        run = self.claimed.run
        if run.driver is DriverName.ENGINE:
            await self.end(await self._merge())
            return
        driver = context.driver(run.driver)
        run_log = await self._open_log()
        try:
            ending = await as_reported(context, run, await self._door.around(self._execute(driver, run_log)))
            ending = await judged(context, self.claimed, driver, self.redactor, self._as_ordered(ending))
            ending = await self._kept(driver, run_log, ending)
        finally:
            run_log.close()
        await self._close_up(driver, ending)

    async def conclude(self, ending: Ending) -> None:
        """End it without following it any further: what there is of its sandbox goes first, its work is kept."""
        context, run = self._context, self.claimed.run
        if run.driver is DriverName.ENGINE:
            await self.end(ending)
            return
        driver = context.driver(run.driver)
        run_log = await self._open_log()
        try:
            await clear(context, driver, run.sandbox)
            ending = await self._kept(driver, run_log, self._as_ordered(ending))
        finally:
            run_log.close()
        await self._close_up(driver, ending)

    async def end(self, ending: Ending) -> None:
        """Store how it ended; from here on its row says so, and nothing more of it is driven."""
        await self._context.database.write(Share(end_all, Ended(self.claimed.run, ending, self._policy)))
        self.over = True

    async def _stands(self) -> bool:
        """Read the row once this run can be reached by whoever ends its task: a cancel that was stored between the
        claim, or an earlier look, and now asks here (R24, R96). False when the run has ended."""
        row = await self._context.database.one(RUNS["standing"], {"id": self.id})
        if row is None or row["state"] == RunState.ENDED:
            return False
        if row["asked"] is not None:  # the engine before this one died over it
            self._killed_by = self._killed_by or row["asked_by"] or ""
            self.ask_end(ExitCause(row["asked"]))
        if row["cancelling"]:
            self.ask_end(ExitCause.CANCELLED)
        self.claimed = replace(self.claimed, run=run_from(row))
        self.started = self.started or self.claimed.run.state is RunState.RUNNING
        return True

    async def _kept(self, driver: Driver, run_log: RunLog, ending: Ending) -> Ending:
        began = self.started or self.claimed.run.state is not RunState.CREATED
        return await keep(self._context, self.claimed, driver, run_log, ending, began=began)

    async def _close_up(self, driver: Driver, ending: Ending) -> None:
        if not ending.unkept:
            await lay_to_rest(driver, self.claimed.run)  # while its row says that nobody else has it
        await self.end(ending)
        await remove_sandbox(self._context, driver, self.claimed.run.sandbox, None if ending.unkept else self.id)
        if self.claimed.run.pin is not None:
            await remove_rests(self._context, driver)
        await self._context.database.write(lambda tx: tell_removed(tx, self.claimed.run))

    def _as_ordered(self, ending: Ending) -> Ending:
        context, run = self._context, self.claimed.run
        return as_ordered(ending, run, self._killed_by, context.clock.now(), context.settings.sandbox.stop_grace)

    async def _open_log(self) -> RunLog:
        paths, limit = self._context.paths, self._context.settings.sandbox.log_limit
        self.log = await asyncio.to_thread(RunLog.open, paths.run_log(self.id), limit, self.redactor)
        return self.log

    async def _execute(self, driver: Driver, run_log: RunLog) -> Ending:
        run = self.claimed.run
        started_at = run.started_at
        if run.state is not RunState.RUNNING:
            try:
                started_at = await start_sandbox(self._context, driver, self.claimed, self._asked, self._door)
            except StoreError:
                raise  # nothing can be stored about it either: it is driven again
            except (PilothouseError, OSError) as error:
                return await not_started(driver, self.claimed, error, self.redactor)
        else:
            await self._door.reopen(driver, run_log)
        if started_at is None:
            return Ending(ExitCause.CANCELLED, "cancelled before it started")
        self.started = True
        return await self._follow(driver, run_log, started_at)

    async def _follow(self, driver: Driver, run_log: RunLog, started_at: datetime) -> Ending:
        name = SafeName(self.claimed.run.sandbox)
        self.pulse.begin(run_log.total)
        # A log that cannot be read keeps no run from ending: its follower is a task of its own (HARDENING case 49).
        pace = Pace(self._context.watched)
        transcript = Transcript(self._context, self.claimed, self.signs, self.ask_end)
        await transcript.begin(run_log)
        capturing = self._context.crew.start(
            f"log {name}",
            self._capture(driver, name, run_log, transcript.paced(pace.rest)),
            on_crash=Consequence.REPORT,
        )
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(driver, name, run_log, started_at), name=f"watch {name}")
                measuring = group.create_task(self._measure(driver), name=f"size of {name}")
                ended = await driver.wait(name)
                watching.cancel()
                measuring.cancel()
            pace.hurry()
            if not await read_out(self._context.clock, capturing, run_log):
                run_log.gap("the rest of the output could not be read in time", self._context.clock.now())
            elif not capturing.cancelled() and (fault := capturing.exception()) is not None:
                run_log.note(f"the log is not complete: {words_of(fault)}", self._context.clock.now())
            await transcript.end(run_log)
        finally:
            capturing.cancel()
            transcript.let_go()
        return self._diagnosed(ended, run_log)

    async def _capture(self, driver: Driver, name: SafeName, run_log: RunLog, rest: Rest) -> None:
        try:
            await capture(driver, name, run_log, rest)
        except PilothouseError as error:
            run_log.note(f"the log is not complete: {error.message}", self._context.clock.now())

    async def _watch(self, driver: Driver, name: SafeName, run_log: RunLog, started_at: datetime) -> None:
        """Stop the sandbox when it is asked to end, at its timeout, or when it has been silent for too long."""
        await self._begin_clocks(driver, name, started_at)
        while self.requested is None:
            self.pulse.listen(run_log.total, self.signs)
            if self.signs.heard():
                self.clocks.heard()
            passed = self.clocks.passed()
            if passed is None:
                await self.asked_within(self.clocks.next_look(IDLE_SAMPLE))
            else:
                self.ask_end(passed)
        await store_asked(self._context.database, self.id, self.requested, self._killed_by)
        await insist(self._context.clock, name, lambda: self._stop(driver, name), "stopped")

    async def _measure(self, driver: Driver) -> None:
        """End the run when its work folder outgrows what it may hold."""
        limit = self._context.settings.sandbox.work_limit
        work = driver.work_folder(self.id)
        held = await outgrown(self._context.clock, work, limit, outbox_of(work))
        self._spent = f"its work folder grew to {format_size(held)}, and `sandbox.work_limit` is {format_size(limit)}"
        self.ask_end(ExitCause.BUDGET)

    async def _begin_clocks(self, driver: Driver, name: SafeName, started_at: datetime) -> None:
        """An adopted run goes on where it stood: what it was frozen for is not spent, and frozen it stays."""
        now, stood = self._context.clock.now(), 0.0
        if self.claimed.run.state is RunState.RUNNING:
            stood = await frozen_seconds(self._context.database, self.id, now)
        self.clocks.begin((now - started_at).total_seconds() - stood)
        if self.claimed.run.frozen and self.clocks.frozen:
            await insist(self._context.clock, name, lambda: driver.pause(name), "frozen again")

    async def asked_within(self, seconds: float) -> None:
        """Return when it is asked to end, or after that time."""
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
        if self.requested is not None:
            return Ending(ExitCause.CANCELLED, "cancelled before it started")
        run_log = await self._open_log()
        if run.state is RunState.CREATED:
            await context.database.write(Share(mark_all_starting, run.id))
        if run.state is not RunState.RUNNING:
            await context.database.write(Share(mark_all_started, Begun(run, None)))
        ending = await merge(context, self.claimed)
        run_log.note(ending.message.splitlines()[0], context.clock.now())
        run_log.seal()
        return ending
