"""A commit of a run goes into the goal's branch, or is kept apart with what kept it out (F94)."""

from dataclasses import dataclass

from engine.dispatch.context import Context
from engine.dispatch.work.conflicts import Clash
from engine.workspace import GoalRepository


@dataclass(frozen=True)
class Joined:
    """`tip`: the goal's branch after it; or the `clash` that kept it out, and the branch `salvage` that keeps it; or
    `failed`: why it could not even be tried."""

    tip: str | None = None
    clash: Clash | None = None
    salvage: str | None = None
    failed: str | None = None

    @property
    def cause(self) -> str | None:
        """Why it is not in the goal's branch."""
        return self.failed if self.clash is None else self.clash.cause


async def join(context: Context, repository: GoalRepository, run: str, commit: str, message: str) -> Joined:
    """Raises PilothouseError when git does not do its part."""
    merged = await repository.integrate(commit, message)
    if not merged.conflicts:
        return Joined(tip=merged.commit)
    clash = Clash.of(merged, await repository.base_of(run), commit)
    return Joined(clash=clash, salvage=await repository.salvage(run, commit, context.paths.run_salvage(run)))
