"""After a start, and every few seconds: what the store says and what exists are brought together (R41, R42, R91)."""

import logging
from dataclasses import dataclass
from functools import partial

from engine.about import about
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.deaths import stop_what_kills
from engine.dispatch.endings import Policy
from engine.dispatch.live import LiveRuns
from engine.dispatch.runs import remove_sandbox
from engine.dispatch.salvage import salvage
from engine.dispatch.steps import GOALS, RUNS, TASKS
from engine.errors import PilothouseError, StoreError
from engine.events import EventType
from engine.model import DriverName, ExitCause, RunRecord, RunState
from engine.sandbox.driver import Driver, OwnedSandbox
from engine.store import Tx
from engine.store.rows import goal_from, run_from, task_from

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovered:
    """What a start found: runs that go on, and sandboxes without one."""

    continued: int
    leftovers: int


class Reconciler:
    """Keeps rows and sandboxes in step; remembers which drivers do not answer, so that each is told of once."""

    def __init__(self, context: Context, live: LiveRuns) -> None:
        self._context = context
        self._live = live
        self._silent: set[DriverName] = set()

    async def recover(self, *, died: bool = False) -> Recovered:
        """Drive every run that had not ended, adopting its sandbox by name; remove what no run owns. `died`: the
        engine before this one did not end in good order, and a task may be why."""
        context = self._context
        if died:
            policy = Policy(context.settings.engine, context.ids, context.random)
            await context.database.write(partial(stop_what_kills, policy=policy))
        continued = await _drive_undriven(self._context, self._live)
        leftovers = await self._remove_leftovers()
        if continued or leftovers:
            await self._context.database.write(
                lambda tx: tx.emit(EventType.ENGINE_RECOVERED, continued=continued, leftovers=leftovers)
            )
        return Recovered(continued, leftovers)

    async def keep(self) -> None:
        """Reconcile for as long as the engine lives."""
        while True:
            await self._context.clock.sleep(self._context.settings.engine.reconcile_interval)
            try:
                await _drive_undriven(self._context, self._live)
                await self._remove_leftovers()
            except StoreError as error:
                log.warning("the store cannot be used now: %s", error.message)

    async def _remove_leftovers(self) -> int:
        """Remove sandboxes with our engine id whose run has ended or was never stored."""
        removed = 0
        for name, driver in self._context.drivers.items():
            try:
                owned = await driver.list_owned()
            except PilothouseError as error:
                await self._fell_silent(name, error)
                continue
            self._silent.discard(name)
            # Listed before the rows are read: whatever is started meanwhile is not in the list.
            names = {row["sandbox"] for row in await self._context.database.all(RUNS["live"])}
            names |= {live.claimed.run.sandbox for live in self._live}  # over, and being removed by its own driver
            for sandbox in owned:
                if sandbox.name not in names:
                    goal, task, run = (sandbox.labels.get(f"pilothouse.{noun}") for noun in ("goal", "task", "run"))
                    with about(goal=goal, task=task, run=run):
                        await remove_leftover(self._context, driver, sandbox)
                    removed += 1
        return removed

    async def _fell_silent(self, name: DriverName, error: PilothouseError) -> None:
        """Nothing is concluded about its sandboxes (R42); who follows the events is told when runs depend on it."""
        if name in self._silent:
            return
        self._silent.add(name)
        log.warning("%s does not answer: %s", name, error.message)
        if any(live.claimed.run.driver is name for live in self._live):
            message = error.message
            await self._context.database.write(
                lambda tx: tx.emit(EventType.ENGINE_DEGRADED, driver=name, message=message)
            )


async def _drive_undriven(context: Context, live: LiveRuns) -> int:
    def unended(tx: Tx) -> list[tuple[Claimed, bool]]:
        found = []
        for row in tx.all(RUNS["live"]):
            run = run_from(row)
            goal, task = tx.one(GOALS["get"], {"id": run.goal}), tx.one(TASKS["get"], {"id": run.task})
            assert goal is not None
            assert task is not None
            found.append((Claimed(goal_from(goal), task_from(task), run), bool(task["cancelling"])))
        return found

    # A run that was driven when the rows were read may have ended since: they say nothing about it any more (R24).
    known = {run.id for run in live}
    found = await context.database.write(unended)
    undriven = [row for row in found if row[0].run.id not in known and row[0].run.id not in live]
    for claimed, cancelling in undriven:
        started = live.start(claimed)
        if cancelling:
            started.ask_end(ExitCause.CANCELLED)
    for claimed, _ in undriven:
        if claimed.run.state is RunState.RUNNING:
            await context.database.write(partial(_tell_adopted, run=claimed.run))
    return len(undriven)


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
