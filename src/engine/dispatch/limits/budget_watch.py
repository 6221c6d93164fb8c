"""The look at budgets: now and then, at what the store and the work folders say, while the engine lives."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from engine.dispatch.context import Context
from engine.dispatch.limits.budget_rows import BUDGETS, WARN_AT, BudgetRow, row_from, used_of
from engine.dispatch.limits.budgets import cross
from engine.dispatch.runs.resting import rest_name
from engine.errors import PilothouseError, StoreError
from engine.model import FINAL_TASK_STATES, BudgetKind, BudgetState, DriverName
from engine.store import Tx
from engine.workspace import counted, disk_use

log = logging.getLogger(__name__)

DISK_EVERY = 6  # looks between two measurements of work folders
PIECE = 0.2  # seconds of counting at a time
PAUSE = 0.1  # seconds between two pieces


async def keep_budgets(context: Context) -> None:
    """Look for as long as the engine lives; a store that takes no writes is tried again."""
    looks = 0
    while True:
        await context.clock.sleep(context.settings.engine.budget_interval)
        try:
            await look(context, measure=looks % DISK_EVERY == 0)
        except StoreError as error:
            log.warning("budgets cannot be looked at: %s", error.message)
        looks += 1


async def look(context: Context, *, measure: bool = True) -> None:
    """Warn and ask where a limit is near or reached; `measure`: count the bytes of work folders first."""
    database = context.database
    for row in await database.read(_disks) if measure else ():
        await database.write(partial(_store_size, row=row, held=await _held(context, row.goal)))
    now = context.clock.now()
    for subject in await database.read(partial(_due, now=now)):
        await database.write(partial(cross, subject=subject, ids=context.ids))


def _store_size(tx: Tx, row: BudgetRow, held: int) -> None:
    tx.run(BUDGETS["measured"], {"scope": row.scope, "kind": row.kind, "used": float(held)})


def _disks(connection: sqlite3.Connection) -> list[BudgetRow]:
    rows = map(row_from, connection.execute(BUDGETS["to_watch"]).fetchall())
    return [row for row in rows if row.kind is BudgetKind.DISK and row.state is not BudgetState.ASKED]


def _due(connection: sqlite3.Connection, now: datetime) -> list[str]:
    """What there is to warn of, to ask about, or to ask no longer: the subject of each."""
    found = []
    for stored in connection.execute(BUDGETS["to_watch"]).fetchall():
        row = row_from(stored)
        ended = stored["task_state"] in FINAL_TASK_STATES
        if row.state is BudgetState.ASKED or ended:
            if ended and row.state is BudgetState.ASKED:
                found.append(row.subject)
            continue
        bound = row.amount * (WARN_AT if row.state is BudgetState.WITHIN else 1)
        if used_of(connection, row, now) >= bound:
            found.append(row.subject)
    return found


async def _held(context: Context, goal: str) -> int:
    """Bytes of the work folders a goal has at this moment; what cannot be reached counts as nothing."""
    rows = await context.database.all(BUDGETS["folders_of_goal"], {"goal": goal})
    folders, at_rest = [], set[Path]()
    for row in rows:
        driver = context.drivers.get(DriverName(row["driver"]))
        try:
            if driver is not None:
                folders.append(driver.work_folder(row["id"]))
                if row["pin"] is not None:
                    at_rest.add(driver.work_folder(rest_name(row["goal"], row["pin"])))
        except PilothouseError as error:
            log.info("the work folder of %s is not measured: %s", row["id"], error.message)
    total = 0
    for folder in await asyncio.to_thread(_there, [*folders, *at_rest]):
        walk, whole = disk_use(folder), False
        while not whole:
            found, whole = await asyncio.to_thread(counted, walk, PIECE)
            total += found
            await context.clock.sleep(PAUSE)
    return total


def _there(folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if folder.is_dir()]
