"""After a start, and every few seconds: what the store says and what exists are brought together (R41, R42, R91)."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from engine.about import about
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.recovery.deaths import stop_what_kills
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.runs.removing import clear, remove_sandbox
from engine.dispatch.runs.resting import remove_rests
from engine.dispatch.runs.starting import words_of
from engine.dispatch.stalls.answers import restarted
from engine.dispatch.steps import GOALS, RUNS, TASKS
from engine.dispatch.work.salvage import salvage
from engine.errors import PilothouseError, StoreError, Unreadable
from engine.events import EventType
from engine.model import DriverName, ExitCause, RunRecord, RunState
from engine.sandbox.driver import Driver, OwnedSandbox
from engine.store import Tx
from engine.store.rows import goal_from, run_from, task_from
from engine.supervisor import Consequence

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovered:
    """What a start found: runs that go on, `adopted` of them with a sandbox at work; sandboxes without a run; tasks
    that are blocked because they took engines down."""

    continued: int
    adopted: int
    leftovers: int
    blocked: int = 0


class Reconciler:
    """Keeps rows and sandboxes in step; remembers what does not answer, so that each is told of once.

    `on_unreadable` is called with a goal and the reason when one of its live runs cannot be driven for what its rows
    hold: its sandbox stays, and is nobody's leftover."""

    def __init__(
        self, context: Context, live: LiveRuns, on_unreadable: Callable[[str, str], None] = lambda goal, why: None
    ) -> None:
        self._context = context
        self._live = live
        self._on_unreadable = on_unreadable
        self.away: dict[DriverName, str] = {}  # drivers that do not answer at present, with their words
        self._silent: set[str] = set()

    async def recover(self, *, died: bool = False) -> Recovered:
        """Drive every run that had not ended, adopting its sandbox by name; remove what no run owns. `died`: the
        engine before this one did not end in good order, and a task may be why."""
        context = self._context
        blocked = 0
        if died:
            policy = Policy(context.settings.engine, context.ids, context.random)
            blocked = await context.database.write(partial(stop_what_kills, policy=policy))
        continued = await self._drive_undriven()
        adopted = sum(run.state is RunState.RUNNING for run in continued)
        found = Recovered(len(continued), adopted, await self._remove_leftovers(), blocked)
        if any(asdict(found).values()):
            await context.database.write(lambda tx: tx.emit(EventType.ENGINE_RECOVERED, **asdict(found)))
        return found

    async def keep(self) -> None:
        """Reconcile for as long as the engine lives."""
        while True:
            await self._context.clock.sleep(self._context.settings.engine.reconcile_interval)
            try:
                await self._drive_undriven()
                await self._remove_leftovers()
            except StoreError as error:
                log.warning("the store cannot be used now: %s", error.message)

    async def _drive_undriven(self) -> list[RunRecord]:
        """The runs that are driven from here on, as their rows were."""
        live, database = self._live, self._context.database
        # A run that was driven when the rows were read may have ended since: they say nothing about it any more (R24).
        known = {run.id for run in live}
        found, unreadable = await database.write(_unended)
        for row, why in unreadable:
            self._on_unreadable(row["goal"], why)
            if row["cancelling"] and row["id"] not in live and row["driver"] in self._context.drivers:
                await self._tried(DriverName(row["driver"]), row["id"], self._end_unread(row, why))
        undriven = [one for one in found if one[0].run.id not in known and one[0].run.id not in live]
        for claimed, ordered in undriven:
            started = live.start(claimed)
            if ordered:
                started.ask_end(ExitCause.CANCELLED)
        for claimed, _ in undriven:
            if claimed.run.state is RunState.RUNNING:
                await database.write(partial(_tell_adopted, run=claimed.run))
        return [claimed.run for claimed, _ in undriven]

    async def _end_unread(self, row: dict[str, Any], why: str) -> None:
        """A run that cannot be followed for what its rows hold can still be cancelled; its work folder stays."""
        context = self._context
        run = run_from({**row, "last_lines": "[]"})  # it has not ended: there are none
        await clear(context, context.driver(run.driver), run.sandbox)
        policy = Policy(context.settings.engine, context.ids, context.random)
        await context.database.write(lambda tx: end_run(tx, run, Ending(ExitCause.CANCELLED, why), policy))

    async def _remove_leftovers(self) -> int:
        """Remove sandboxes with our engine id whose run has ended or was never stored."""
        removed = 0
        for name, driver in self._context.drivers.items():
            owned: list[OwnedSandbox] = []
            if not await self._tried(name, name, _list(driver, owned)):
                continue
            self.away.pop(name, None)
            # Listed before the rows are read: whatever is started meanwhile is not in the list.
            names = {row["sandbox"] for row in await self._context.database.all(RUNS["live"])}
            names |= {live.claimed.run.sandbox for live in self._live}  # over, and being removed by its own driver
            await remove_rests(self._context, driver)
            for sandbox in owned:
                if sandbox.name not in names:
                    goal, task, run = (sandbox.labels.get(f"pilothouse.{noun}") for noun in ("goal", "task", "run"))
                    with about(goal=goal, task=task, run=run):
                        await self._tried(name, sandbox.name, remove_leftover(self._context, driver, sandbox))
                    removed += 1
        return removed

    async def _tried(self, driver: DriverName, what: str, work: Coroutine[Any, Any, None]) -> bool:
        """Do one step with a driver. Whatever it fails of ends nothing but this step: it is told once, and the next
        reconcile tries again. A store that refuses is the caller's."""
        error = await self._context.crew.attempt(f"reconcile {what}", work, on_crash=Consequence.HANDED_BACK)
        if isinstance(error, StoreError):
            raise error
        if error is not None:
            await self._fell_silent(driver, what, error)
            return False
        self._silent.discard(what)
        return True

    async def _fell_silent(self, driver: DriverName, what: str, error: BaseException) -> None:
        """Nothing is concluded about its sandboxes (R42); who follows the events is told when runs depend on it, and
        always of what a driver should never do."""
        expected, message = isinstance(error, PilothouseError), words_of(error)
        if what == driver:
            self.away[driver] = message
        if what in self._silent:
            return
        self._silent.add(what)
        log.warning("%s: %s does not answer: %s", driver, what, message, exc_info=None if expected else error)
        if not expected or any(live.claimed.run.driver is driver for live in self._live):
            await self._context.database.write(
                lambda tx: tx.emit(EventType.ENGINE_DEGRADED, driver=driver, message=message)
            )


async def _list(driver: Driver, owned: list[OwnedSandbox]) -> None:
    owned += await driver.list_owned()


def _unended(tx: Tx) -> tuple[list[tuple[Claimed, bool]], list[tuple[dict[str, Any], str]]]:
    """Every run that has not ended with whether its restart was ordered, and (row, why) for each one that cannot be
    read, with its task's `cancelling`."""
    found, unreadable = [], []
    for row in tx.all(RUNS["live"]):
        goal, task = tx.one(GOALS["get"], {"id": row["goal"]}), tx.one(TASKS["get"], {"id": row["task"]})
        assert goal is not None
        assert task is not None
        try:
            claimed = Claimed(goal_from(goal), task_from(task), run_from(row))
            found.append((claimed, restarted(tx, claimed.run.id, claimed.run.task) is not None))
        except Unreadable as error:
            unreadable.append(({**dict(row), "cancelling": task["cancelling"]}, error.message))
    return found, unreadable


def _tell_adopted(tx: Tx, run: RunRecord) -> None:
    tx.emit(EventType.SANDBOX_ADOPTED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox,
            container_id=run.container_id, driver=run.driver)  # fmt: skip


async def remove_leftover(context: Context, driver: Driver, sandbox: OwnedSandbox) -> None:
    """Remove a sandbox that no run owns; what is in its work folder is kept first, and a folder that cannot be kept
    stays."""
    if sandbox.running:
        try:
            await driver.kill(sandbox.name)
        except PilothouseError as error:
            log.warning("leftover %s could not be killed: %s", sandbox.name, error.message)
            return
    run = sandbox.labels.get("pilothouse.run", "")
    unkept = await salvage(context, driver, run) if run else "it names no run"
    if run and unkept:
        log.warning("the work folder of %s stays: %s", run, unkept)
    await remove_sandbox(context, driver, sandbox.name, None if unkept else run)
