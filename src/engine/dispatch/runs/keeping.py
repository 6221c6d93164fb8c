"""What outlives a run's work folder: its artefacts and a commit of its work."""

import asyncio
from dataclasses import replace

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending
from engine.dispatch.runs.resting import fetch_back
from engine.dispatch.work.joining import join
from engine.errors import PilothouseError
from engine.model import RunRecord
from engine.sandbox.driver import Driver
from engine.sandbox.logs import RunLog
from engine.units import format_size
from engine.workspace import collect


async def keep(
    context: Context, claimed: Claimed, driver: Driver, run_log: RunLog, ending: Ending, *, began: bool
) -> Ending:
    """Keep what outlives the work folder of a run that has ended, say so in its log and seal that. `began`: it may
    have had a sandbox."""
    if began:
        await fetch_back(driver, claimed.run)
    await keep_artifacts(context, claimed, driver, run_log)
    ending = await keep_work(context, claimed, driver, ending)
    for sentence in (ending.message.splitlines()[0], *kept_words(context, claimed.run, ending)):
        run_log.note(sentence, context.clock.now())
    run_log.seal()
    return ending


async def keep_artifacts(context: Context, claimed: Claimed, driver: Driver, run_log: RunLog) -> None:
    """Copy what the task promised out of the work folder; the log says what was kept and what was not."""
    patterns, now = claimed.task.spec.artifacts, context.clock.now()
    folder, target = driver.work_folder(claimed.run.id), context.paths.run_artifacts(claimed.run.id)
    if not patterns or not await asyncio.to_thread(folder.is_dir):
        return
    try:
        found = await asyncio.to_thread(collect, folder, patterns, target)
    except (PilothouseError, OSError) as error:
        run_log.note(f"its artefacts were not kept: {getattr(error, 'message', str(error))}", now)
        return
    for name, size in found.kept:
        run_log.note(f"kept {name} ({format_size(size)}) in {target}", now)
    for sentence in found.refused or ([] if found.kept else ["no file fits its artefacts"]):
        run_log.note(sentence, now)


async def keep_work(context: Context, claimed: Claimed, driver: Driver, ending: Ending) -> Ending:
    """Commit the work tree; a result that counts goes into the goal's branch unless a human reviews it first, any
    other change into a salvage branch. A tester changes nothing: its work tree is scratch."""
    goal, task, run = claimed.goal, claimed.task, claimed.run
    repository = context.repository(goal.id, goal.branch)
    if repository is None or task.tests is not None:
        return ending
    try:
        folder = driver.work_folder(run.id)
    except PilothouseError:
        return ending  # there is no place for work folders: that is why it did not start
    try:
        if not await repository.filled(run.id, folder):
            return replace(ending, unkept="its work tree is gone") if ending.succeeded else ending
        commit = await repository.snapshot(run.id, folder, f"{task.key}: {task.title} (run {run.n})")
        ending = replace(ending, commit=commit)
        if ending.counts and task.spec.requires_approval:
            return ending
        if ending.counts:
            joined = await join(context, repository, run.id, commit, f"Integrate {task.key} (run {run.n})")
            return replace(ending, tip=joined.tip, clash=joined.clash, salvage=joined.salvage)
        return replace(ending, salvage=await repository.salvage(run.id, commit, context.paths.run_salvage(run.id)))
    except (PilothouseError, OSError) as error:
        return replace(ending, unkept=f"its work could not be kept: {getattr(error, 'message', str(error))}")


def kept_words(context: Context, run: RunRecord, ending: Ending) -> list[str]:
    """Where the work of a run is that did not get into the goal's branch; for its log."""
    words = [] if not ending.unkept else [f"{ending.unkept}: its work folder stays"]
    if ending.salvage is not None:
        place, patch = context.paths.goal_repository(run.goal), context.paths.run_salvage(run.id)
        words.append(f"its work is kept in the branch {ending.salvage} of {place} and in {patch}")
    return words
