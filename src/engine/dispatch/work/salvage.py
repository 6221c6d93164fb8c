"""Work folders of runs that have ended: what they hold is kept before they go (R59)."""

import asyncio
import logging

from engine.dispatch.context import Context
from engine.dispatch.steps import GOALS, RUNS
from engine.errors import PilothouseError
from engine.model import RunRecord
from engine.sandbox.driver import Driver
from engine.store.rows import run_from

log = logging.getLogger(__name__)


async def salvage(context: Context, driver: Driver, run: str) -> str:
    """Keep what the work folder of a run holds that no branch does; why it must stay, empty when it may go.

    Nothing is kept of a goal without a repository: what counts of it are its artefacts.
    """
    folder = driver.work_folder(run)
    if not await asyncio.to_thread(folder.exists):
        return ""
    row = await context.database.one(RUNS["get"], {"id": run})
    if row is None:
        return "the store knows no such run"
    try:
        await _keep(context, driver, run_from(row))
    except (PilothouseError, OSError) as error:
        return f"its work could not be kept: {getattr(error, 'message', str(error))}"
    return ""


async def _keep(context: Context, driver: Driver, run: RunRecord) -> None:
    goal = await context.database.one(GOALS["get"], {"id": run.goal})
    assert goal is not None
    repository, folder = context.repository(run.goal, goal["branch"]), driver.work_folder(run.id)
    if repository is None or not await repository.filled(run.id, folder):
        return
    commit = await repository.snapshot(run.id, folder, f"What {run.id} left behind")
    branch = await repository.salvage(run.id, commit, context.paths.run_salvage(run.id))
    if branch is not None:
        log.warning("%s left work behind: it is kept in the branch %s", run.id, branch)
        await context.database.write(lambda tx: tx.run(RUNS["salvaged"], {"id": run.id, "salvage": branch}))
