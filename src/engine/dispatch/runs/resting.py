"""What a pinned sandbox leaves to its next run: its work folder, which lies at rest between two runs (R31).

Each move is one rename, done while the run's row occupies the sandbox, so that every instant of it can be repeated.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.runs.pinned import GOALS_OWN
from engine.dispatch.steps import DECISIONS, GOALS, RUNS
from engine.errors import PilothouseError
from engine.model import GoalState, RunRecord
from engine.sandbox.driver import Driver
from engine.workspace import remove_folder

log = logging.getLogger(__name__)

AT_REST = re.compile(r"(g-[0-9a-z]+)-pinned(?:-[0-9a-f]{12})?")
NO_MORE = (GoalState.DONE, GoalState.CANCELLED)
"""States of a goal that nothing can go on from."""


def rest_name(goal: str, pin: str) -> str:
    """What the folder is called while no run has it. A key may hold what no name may, so it is digested."""
    if pin == GOALS_OWN:
        return f"{goal}-pinned"
    return f"{goal}-pinned-{hashlib.blake2s(pin.encode(), digest_size=6).hexdigest()}"


async def take_over(context: Context, driver: Driver, claimed: Claimed) -> bool:
    """Bring what the run before left into this run's work folder; False when there is nothing to go on from.

    Of a repository it holds what the goal's branch says, and what git ignores: a change that no gate let through is
    handed on to further runs of its own task only, unless it was in conflict with the branch.
    """
    run, folder = claimed.run, driver.work_folder(claimed.run.id)
    if run.pin is None or not await asyncio.to_thread(_move, _rest(driver, run), folder):
        return False
    repository = context.repository(claimed.goal.id, claimed.goal.branch)
    if repository is None:
        return True
    before = await context.database.one(RUNS["before_in_pinned"], {"goal": run.goal, "pin": run.pin})
    if before is None:
        return False  # its first filling was cut short
    # One that is to make its change again on the newer branch finds its patch in its inputs.
    again = await context.database.one(DECISIONS["to_do_again"], {"task": run.task})
    own = before["task"] == run.task and (again is None or again["run"] != before["id"])
    try:
        await repository.take_over(run.id, folder, before["id"], before["commit"], own=own)
    except PilothouseError as error:
        log.warning("what %s left cannot be gone on from, %s begins anew: %s", before["id"], run.id, error.message)
        return False
    return True


async def session_before(context: Context, run: RunRecord) -> str:
    """What the agent of the run before calls its session, when it is the same agent as this run's; else empty. One
    that could not be resumed told of none, so that the run after it begins anew."""
    if run.pin is None or run.profile is None:
        return ""
    row = await context.database.one(RUNS["last_in_pinned"], {"goal": run.goal, "pin": run.pin})
    same = row is not None and row["profile"] == run.profile
    return (row["session"] or "") if row is not None and same else ""


async def fetch_back(driver: Driver, run: RunRecord) -> None:
    """The folder of a run that has started is at its place, though a crash came when it had been laid to rest."""
    if run.pin is None:
        return
    try:
        await asyncio.to_thread(_move, _rest(driver, run), driver.work_folder(run.id))
    except (PilothouseError, OSError) as error:
        log.warning("the work folder of %s is not at its place: %s", run.id, getattr(error, "message", error))


async def lay_to_rest(driver: Driver, run: RunRecord) -> None:
    """Leave the work folder to the next run; what counts of it is kept already."""
    if run.pin is None:
        return
    try:
        await asyncio.to_thread(_replace, driver.work_folder(run.id), _rest(driver, run))
    except (PilothouseError, OSError) as error:
        log.warning("the work folder of %s is not handed on: %s", run.id, getattr(error, "message", error))


async def remove_rests(context: Context, driver: Driver, states: Collection[GoalState] = NO_MORE) -> None:
    """Remove what lies at rest for goals in these states."""
    for path in await found_at_rest(context, driver, states):
        try:
            await asyncio.to_thread(remove_folder, path)
        except (PilothouseError, OSError) as error:
            log.warning("%s is not removed yet: %s", path, getattr(error, "message", error))


async def found_at_rest(context: Context, driver: Driver, states: Collection[GoalState]) -> list[Path]:
    """The folders at rest of goals in these states; of goals that this store knows alone (R41)."""
    try:
        place = driver.work_folder("r-any").parent
    except PilothouseError:
        return []  # there is no place for work folders
    found = []
    for goal, path in await asyncio.to_thread(lambda: list(_at_rest(place))):
        row = await context.database.one(GOALS["get"], {"id": goal})
        if row is not None and row["state"] in states:
            found.append(path)
    return found


def _rest(driver: Driver, run: RunRecord) -> Path:
    assert run.pin is not None
    return driver.work_folder(rest_name(run.goal, run.pin))


def _move(rest: Path, folder: Path) -> bool:
    """Whether the folder is there afterwards: it was before, or was at rest."""
    if folder.is_dir():
        return True
    if rest.is_symlink():
        return False  # no folder of ours
    try:
        rest.rename(folder)
    except FileNotFoundError:
        return False
    return True


def _replace(folder: Path, rest: Path) -> None:
    """Whatever lies there was left by a run before the one whose folder this is."""
    if folder.is_dir() and not folder.is_symlink():
        remove_folder(rest)
        folder.rename(rest)


def _at_rest(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_dir():
        for path in sorted(place.iterdir()):
            named = AT_REST.fullmatch(path.name)
            if named is not None and path.is_dir() and not path.is_symlink():
                yield named[1], path
