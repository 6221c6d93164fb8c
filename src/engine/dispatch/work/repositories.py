"""Goals' own repositories after a crash: what git left at work, and what is left of goals that were never stored."""

import asyncio
import logging
from pathlib import Path

from engine.dispatch.context import Context
from engine.dispatch.steps import GOALS
from engine.workspace import end_orphans, holds_work, remove_folder, remove_stale_locks

log = logging.getLogger(__name__)
HALF = ".partial"


async def tidy_repositories(context: Context) -> None:
    """After the death of an engine, before anything can make a goal or run git. A repository that holds the work of
    any run stays, whoever it belonged to."""
    place = context.paths.repositories
    await asyncio.to_thread(end_orphans, place)
    for folder in await asyncio.to_thread(_repositories, place):
        half, goal = folder.name.endswith(HALF), folder.name.removesuffix(".git")
        if not half and await context.database.one(GOALS["get"], {"id": goal}) is not None:
            for lock in await asyncio.to_thread(remove_stale_locks, folder):
                log.warning("%s was left by a git process that is gone: removed", lock)
        elif half or not await asyncio.to_thread(holds_work, folder):
            log.info("%s is of a goal that was never stored: removed", folder)
            await asyncio.to_thread(remove_folder, folder)


def _repositories(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    wanted = (".git", f".git{HALF}")
    return sorted(path for path in place.iterdir() if path.name.endswith(wanted) and not path.is_symlink())
