"""The goal branch into a branch of the operator's repository: fast-forward or merge commit, or nothing at all.

The order is: look, rehearse, move the branch (compare-and-swap), let checked-out work trees follow. What was begun is
noted in our own repository, so that a repeat after a crash brings the work trees to where the branch is.
"""

from dataclasses import dataclass

from engine.errors import Conflict
from engine.workspace.git import Git
from engine.workspace.merging import Integration, Now, commit_of, merged, move_ref
from engine.workspace.operator_repository import OperatorRepository, WorkTree, fetch

SEEN = "refs/pilothouse/into"  # the operator's branch as it was fetched
READY = "refs/pilothouse/ready"  # what the operator's branch is to become
LEFT = "refs/pilothouse/left"  # per branch: what its work trees still show while it has moved on
ATTEMPTS = 5


@dataclass(frozen=True)
class Rehearsal:
    """Where the operator's branch and the goal's stand, and what a merge of them comes to."""

    tip: str
    goal: str
    result: Integration


@dataclass(frozen=True)
class Landing:
    """One goal branch on its way into one branch of the operator."""

    ours: Git
    branch: str
    operator: OperatorRepository
    into: str
    message: str
    now: Now

    @property
    def _left(self) -> str:
        return f"{LEFT}/{self.into}"

    async def land(self) -> Integration:
        """Raises Conflict when a work tree cannot follow or the branch keeps moving; then nothing has changed."""
        for _ in range(ATTEMPTS):
            seen = await self.rehearse()
            tip, result = seen.tip, seen.result
            places = await self.operator.checkouts(self.into)
            if result.conflicts:
                return result
            if result.commit == tip:
                await self._catch_up(places, tip)
                return result
            if await self._move(places, tip, result.commit):
                return result
        raise Conflict(f"{self.into} of {self.operator.place} keeps moving", hint="try the merge again")

    async def rehearse(self) -> Rehearsal:
        """Look at both branches and merge them in our own repository; neither moves."""
        await self.operator.tip(self.into)
        await fetch(self.ours, self.operator.git.git_dir, f"+refs/heads/{self.into}:{SEEN}")
        tip, goal = await self._required(SEEN), await self._required(f"refs/heads/{self.branch}")
        return Rehearsal(tip, goal, await merged(self.ours, tip, goal, self.message, self.now))

    async def _required(self, ref: str) -> str:
        commit = await commit_of(self.ours, ref)
        if commit is None:
            raise Conflict(f"{ref} is missing in {self.ours.git_dir}")
        return commit

    async def _move(self, places: list[WorkTree], old: str, new: str) -> bool:
        for place in places:
            await place.require_following(self.ours, old, new)
        await self.ours.run("update-ref", READY, new)
        await fetch(self.operator.git, self.ours.git_dir, READY)
        await self.ours.run("update-ref", self._left, old)
        if not await self._set_branch(new, old):
            return False
        followed: list[WorkTree] = []
        for place in places:
            try:
                await place.follow(self.ours, old, new)
            except Conflict:
                await self._set_branch(old, new)
                for earlier in followed:
                    await earlier.follow(self.ours, new, old)
                raise
            followed.append(place)
        await self.ours.run("update-ref", "-d", self._left)
        return True

    async def _set_branch(self, to: str, seen: str) -> bool:
        return await move_ref(self.operator.git, f"refs/heads/{self.into}", to, seen, "pilothouse: merge")

    async def _catch_up(self, places: list[WorkTree], tip: str) -> None:
        """The branch is there already; bring work trees along that a crash left behind."""
        left = await commit_of(self.ours, self._left)
        if left is None:
            return
        for place in places:
            if not await place.changed(self.ours, tip):
                continue
            if await place.changed(self.ours, left):
                what = f"{self.into} holds the change, but the files in {place.folder} did not all follow"
                raise Conflict(what, hint="commit or stash what is yours there, see `git status`, then try again")
            await place.follow(self.ours, left, tip)
        await self.ours.run("update-ref", "-d", self._left)
