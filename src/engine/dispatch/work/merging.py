"""The merge task: the goal's branch goes into the operator's repository, by the engine and not by a sandbox."""

import shlex
from pathlib import Path

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending
from engine.dispatch.work.conflicts import Clash
from engine.errors import PilothouseError
from engine.model import ExitCause


async def merge(context: Context, claimed: Claimed) -> Ending:
    """Merge and tell how it went; a checkout in the way or a conflict is for a human, not for another try."""
    goal, spec = claimed.goal, claimed.task.spec.merge
    repository = context.repository(goal.id, goal.branch)
    if repository is None or goal.repo is None or spec is None:
        return Ending(ExitCause.START_ERROR, "there is no repository to merge into", permanent=True)
    try:
        merged = await repository.merge_into(Path(goal.repo), spec.into, f"Merge {goal.title}")
    except PilothouseError as error:
        words = error.message + (f" ({error.hint})" if error.hint else "")
        return Ending(ExitCause.START_ERROR, words, permanent=True)
    if merged.conflicts:
        clash = Clash.of_merge(merged, spec.into, by_hand(context.paths.goal_repository(goal.id), repository.branch))
        return Ending(ExitCause.EXIT, clash.cause, exit_code=0, clash=clash)
    return Ending(ExitCause.EXIT, f"merged into {spec.into} as {merged.commit[:12]}", exit_code=0, commit=merged.commit)


def by_hand(place: Path, branch: str) -> str:
    """The command that brings the goal's branch into what the operator has checked out, conflicts and all."""
    return f"git pull --no-rebase {shlex.quote(str(place))} {shlex.quote(branch)}"
