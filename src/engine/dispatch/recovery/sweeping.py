"""Removing what runs left behind: ours only, and nothing that a live run uses (R41), that cannot be told (R42), or
that no branch keeps (R59)."""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Iterable
from datetime import timedelta
from pathlib import Path

from engine.api import Leftover, LeftoverKind, Sweep, SweepOrder
from engine.dispatch.context import Context
from engine.dispatch.recovery.reconcile import remove_leftover
from engine.dispatch.runs.preparation import clean_up
from engine.dispatch.runs.resting import found_at_rest
from engine.dispatch.runs.way_out import IO_SUFFIX
from engine.dispatch.steps import GOALS, RUNS
from engine.dispatch.work.salvage import salvage
from engine.errors import PilothouseError
from engine.model import FINAL_GOAL_STATES, DriverName, RunRecord, RunState
from engine.sandbox.driver import Driver, OwnedSandbox
from engine.store.rows import run_from
from engine.workspace import counted, disk_use, remove_folder

log = logging.getLogger(__name__)

MEASURING = 2.0  # seconds for the size of one folder; a larger one is told as what was counted until then


class Sweeper:
    """One sweep. `live` are the runs that this engine drives, whatever their rows say."""

    def __init__(self, context: Context, live: Collection[str], order: SweepOrder) -> None:
        self._context = context
        self._live = live
        self._order = order
        self._unknown: list[str] = []
        self._silent: set[DriverName] = set()

    async def sweep(self) -> Sweep:
        found = [*await self._sandboxes(), *await self._work(), *await self._logs()]
        return Sweep(dry_run=self._order.dry_run, leftovers=tuple(found), unknown=tuple(self._unknown))

    async def _sandboxes(self) -> list[Leftover]:
        found: list[Leftover] = []
        for name, driver in self._context.drivers.items():
            try:
                owned = await driver.list_owned()
                found += [await self._sandbox(driver, sandbox) for sandbox in await self._orphans(owned)]
            except PilothouseError as error:
                self._silent.add(name)
                self._unknown.append(f"{name}: {error.message}")
        return found

    async def _orphans(self, owned: Iterable[OwnedSandbox]) -> list[OwnedSandbox]:
        # Listed before the rows are read: whatever is started meanwhile is not in the list.
        names = {row["sandbox"] for row in await self._context.database.all(RUNS["live"])}
        driven = [sandbox for sandbox in owned if sandbox.labels.get("pilothouse.run") in self._live]
        return [sandbox for sandbox in owned if sandbox.name not in names and sandbox not in driven]

    async def _sandbox(self, driver: Driver, sandbox: OwnedSandbox) -> Leftover:
        run = sandbox.labels.get("pilothouse.run")
        leftover = Leftover(kind=LeftoverKind.SANDBOX, name=sandbox.name, run=run)
        if self._order.dry_run:
            return leftover
        await remove_leftover(self._context, driver, sandbox)
        if sandbox.name in {left.name for left in await driver.list_owned()}:
            return leftover.model_copy(update={"note": "its driver did not remove it"})
        return leftover.model_copy(update={"removed": True})

    async def _work(self) -> list[Leftover]:
        """Work folders of ended runs, wherever a driver keeps them."""
        found: list[Leftover] = []
        for name, driver in self._context.drivers.items():
            if name in self._silent:
                continue  # a sandbox nobody can ask about may still work in one of them
            try:
                place = driver.work_folder("r-any").parent
            except PilothouseError as error:
                self._unknown.append(f"work folders of {name}: {error.message}")
                continue
            at_rest = await found_at_rest(self._context, driver, FINAL_GOAL_STATES)
            found += [await self._rest(path) for path in at_rest]
            names = {path.name.removesuffix(IO_SUFFIX) for path in await asyncio.to_thread(_folders, place)}
            for run_name in sorted(names):
                run = await self._ended(run_name)
                if run is not None and run.driver is name:
                    found.append(await self._work_of(driver, run, place / run_name))
        return found

    async def _work_of(self, driver: Driver, run: RunRecord, path: Path) -> Leftover:
        leftover = Leftover(kind=LeftoverKind.WORK, name=str(path), run=run.id, size=await _size(path))
        if self._order.dry_run:
            return leftover
        unkept = await salvage(self._context, driver, run.id)
        if unkept:
            return leftover.model_copy(update={"note": unkept})
        return await self._removed(leftover, clean_up(self._context, driver, run.id))

    async def _rest(self, path: Path) -> Leftover:
        """What the pinned sandbox of an ended goal left: what counts of it was kept when its runs ended."""
        leftover = Leftover(kind=LeftoverKind.WORK, name=str(path), size=await _size(path))
        if self._order.dry_run:
            return leftover
        return await self._removed(leftover, asyncio.to_thread(remove_folder, path))

    async def _logs(self) -> list[Leftover]:
        if self._order.logs_older_than is None:
            return []
        found: list[Leftover] = []
        before = self._context.clock.now() - timedelta(seconds=self._order.logs_older_than)
        for path in await asyncio.to_thread(_folders, self._context.paths.logs):
            run = await self._ended(path.name)
            if run is None or run.ended_at is None or run.ended_at > before or not await self._goal_ended(run):
                continue
            leftover = Leftover(kind=LeftoverKind.LOG, name=str(path), run=run.id, size=await _size(path))
            if not self._order.dry_run:
                leftover = await self._removed(leftover, asyncio.to_thread(remove_folder, path))
            found.append(leftover)
        return found

    async def _removed(self, leftover: Leftover, removal: Awaitable[None]) -> Leftover:
        try:
            await removal
        except (PilothouseError, OSError) as error:
            return leftover.model_copy(update={"note": getattr(error, "message", str(error))})
        log.info("gc removed %s", leftover.name)
        return leftover.model_copy(update={"removed": True})

    async def _ended(self, name: str) -> RunRecord | None:
        """The run of this name, when it is one of this store and neither lives nor is driven."""
        row = await self._context.database.one(RUNS["get"], {"id": name})
        run = None if row is None else run_from(row)
        return run if run is not None and run.state is RunState.ENDED and run.id not in self._live else None

    async def _goal_ended(self, run: RunRecord) -> bool:
        row = await self._context.database.one(GOALS["get"], {"id": run.goal})
        return row is not None and row["state"] in FINAL_GOAL_STATES


def _folders(place: Path) -> list[Path]:
    """The real folders in a place, by name."""
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink())


async def _size(path: Path) -> int:
    found, _ = await asyncio.to_thread(counted, disk_use(path), MEASURING)
    return found
