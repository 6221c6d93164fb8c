"""The repository of one goal: bare, ours, outside every sandbox. It holds the goal's branch and every run's work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from engine.api import Diff
from engine.clock import SystemClock
from engine.errors import Conflict, Invalid, NotFound, Unavailable
from engine.ids import safe_name
from engine.workspace.checkout import base_of, base_ref, fill, is_filled, take_over
from engine.workspace.diffing import diff_of
from engine.workspace.git import BAD_BRANCH, LONG_DEADLINE, Git, branch_name, commit_id, require_version
from engine.workspace.import_stream import ImportStream, write_changes
from engine.workspace.landing import Landing, Rehearsal
from engine.workspace.locks import lock_of
from engine.workspace.merging import Integration, Now, commit_of, is_ancestor, merged, move_ref, tree_of
from engine.workspace.operator_repository import OperatorRepository
from engine.workspace.removal import remove_folder
from engine.workspace.salvaging import keep_apart
from engine.workspace.seeding import BASE, seed
from engine.workspace.snapshot import Scan, Tracked, scan, tracked_by

NOW = SystemClock().now
ATTEMPTS = 20  # at moving the goal branch while another process moves it too


class GoalRepository:
    """Every call is a bounded git process, or a thread that reads files; none runs anything a sandbox wrote (R60).

    Raises Conflict for a state that does not allow it, Unavailable (GitFailed) when git does not do its part.
    """

    def __init__(self, git_dir: Path, branch: str, *, now: Now = NOW) -> None:
        self.branch = branch_name(branch)
        self._git = Git(_absolute(git_dir))
        self._now = now
        self._lock = lock_of(self._git.git_dir)

    @classmethod
    async def create(cls, git_dir: Path, repo: Path, branch: str, *, now: Now = NOW) -> "GoalRepository":
        """The repository at `git_dir`, filled from the operator's, with `branch` at the operator's HEAD.

        One that is there already is taken as it is. Raises Invalid when `repo` is no git repository or has no commit,
        Unavailable when git is missing or too old.
        """
        repository = cls(git_dir, branch, now=now)
        await require_version()
        async with repository._lock:
            await seed(repository._git.git_dir, repo, branch)
        return repository

    async def tip(self) -> str:
        """The newest commit of the goal's branch."""
        return await self._required(f"refs/heads/{self.branch}")

    async def base(self) -> str:
        """The operator's commit that the goal started from."""
        return await self._required(BASE)

    async def checkout(self, run: str, folder: Path) -> str:
        """Fill the work tree of a run from the branch tip; the commit is remembered and returned.

        Repeating it keeps a filled folder and makes a missing one again from the same commit.
        """
        return await fill(self._git, _run_name(run), _absolute(folder), await self.tip())

    async def take_over(self, run: str, folder: Path, before: str, left: str, *, own: bool) -> None:
        """Let the folder that the run `before` left at its commit `left` be the work tree of `run`.

        It starts from the branch tip. `own`: both are runs of one task, which goes on with its change while that is
        in no branch of the goal.
        """
        folder, base = _absolute(folder), await self.tip()
        if own and not await is_ancestor(self._git, commit_id(left), base):
            await self._git.run("update-ref", base_ref(_run_name(run)), await self.base_of(before))
            return
        await take_over(self._git, _run_name(run), folder, commit_id(left), base)

    async def base_of(self, run: str) -> str:
        """The commit that a run's work tree was filled from; NotFound when it had none."""
        return await base_of(self._git, _run_name(run))

    async def filled(self, run: str, folder: Path) -> bool:
        """Whether the folder is a work tree of the run that was filled to its end."""
        return await is_filled(self._git, _run_name(run), _absolute(folder))

    async def snapshot(self, run: str, folder: Path, message: str) -> str:
        """A commit of the work tree on top of what the run started from, or that commit when nothing changed.

        Ignored files are left out, any `.git` too, and files of nested repositories count as plain files.
        """
        folder = _absolute(folder)
        base = await base_of(self._git, _run_name(run))
        tracked = await tracked_by(self._git, base)
        stream = self._git.git_dir / f"{run}.import"
        try:
            found = await scan(self._git, folder, tracked)
            changes = await asyncio.to_thread(self._write, stream, run, folder, found, tracked, base, message)
            return await self._import(stream, run, base) if changes else base
        except FileNotFoundError as error:
            raise Conflict(f"the work tree changed or went while it was read: {error.filename!r}") from error
        except OSError as error:
            raise Unavailable(f"the work tree cannot be stored: {error.strerror}", hint="is the disk full?") from error
        finally:
            await asyncio.to_thread(stream.unlink, missing_ok=True)

    async def integrate(self, commit: str, message: str) -> Integration:
        """Merge a commit into the goal's branch; with conflicts the branch stays where it is."""
        commit_id(commit)
        async with self._lock:
            if await commit_of(self._git, commit) is None:
                raise NotFound(f"commit {commit} is not in the goal's repository")
            for _ in range(ATTEMPTS):
                tip = await self.tip()
                result = await merged(self._git, tip, commit, message, self._now)
                if result.conflicts or result.commit == tip:
                    return result
                if await move_ref(self._git, f"refs/heads/{self.branch}", result.commit, tip, "integrate"):
                    return result
        raise Conflict(f"the branch {self.branch} keeps moving", hint="try again")

    async def salvage(self, run: str, commit: str, patch: Path) -> str | None:
        """Keep a run's commit in a branch of its own and in a patch file; None when the goal's branch holds it."""
        if await is_ancestor(self._git, commit_id(commit), await self.tip()):
            return None
        return await keep_apart(self._git, run, await self.base_of(run), commit, _absolute(patch))

    async def diff(self, base: str, commit: str, paths: Sequence[str] = ()) -> Diff:
        """What changed between two commits of this repository, bounded; in these paths alone when there are any."""
        return await diff_of(self._git, base, commit, paths)

    async def merge_into(self, repo: Path, into: str, message: str) -> Integration:
        """The goal's branch into the operator's branch `into`; idempotent.

        A work tree in which `into` is checked out follows when it is clean. Raises Conflict otherwise, and NotFound
        when there is no such branch; then nothing has changed.
        """
        async with self._landing(repo, into, message) as landing:
            return await landing.land()

    async def rehearse_into(self, repo: Path, into: str) -> Rehearsal:
        """What `merge_into` would come to at this moment; nothing of the operator's is touched. Raises NotFound when
        there is no such branch."""
        async with self._landing(repo, into, "Rehearsal") as landing:
            return await landing.rehearse()

    @asynccontextmanager
    async def _landing(self, repo: Path, into: str, message: str) -> AsyncIterator[Landing]:
        branch_name(into)
        operator = await OperatorRepository.find(repo)
        async with self._lock, lock_of(operator.git.git_dir):
            yield Landing(self._git, self.branch, operator, into, message, self._now)

    async def remove(self, folder: Path) -> None:
        """Remove a work tree; fine when it is gone."""
        await asyncio.to_thread(remove_folder, folder)

    async def _required(self, ref: str) -> str:
        commit = await commit_of(self._git, ref)
        if commit is None:
            raise NotFound(f"{ref} is missing in {self._git.git_dir}", hint="the goal's repository was damaged")
        return commit

    def _write(
        self, stream: Path, run: str, folder: Path, found: Scan, tracked: dict[bytes, Tracked], base: str, message: str
    ) -> int:
        stream.unlink(missing_ok=True)
        with stream.open("xb") as target:
            writer = ImportStream(target)
            writer.begin(_run_ref(run), base, message, int(self._now().timestamp()))
            write_changes(writer, folder, found, tracked, base)
            writer.end()
        return writer.changes

    async def _import(self, stream: Path, run: str, base: str) -> str:
        ref = _run_ref(run)
        earlier = await commit_of(self._git, ref)
        await self._git.run("fast-import", "--quiet", "--force", stdin=stream, deadline=LONG_DEADLINE)
        commit = await self._required(ref)
        if earlier is None or await tree_of(self._git, earlier) != await tree_of(self._git, commit):
            return commit
        # The same work was stored before, by an attempt that a crash cut short: keep its commit.
        await self._git.run("update-ref", ref, earlier)
        return earlier


def _absolute(path: Path) -> Path:
    """git runs in its own folder, where a relative path would mean another place."""
    return path.absolute()


def _run_ref(run: str) -> str:
    return f"refs/pilothouse/runs/{run}"


def _run_name(run: str) -> str:
    """A run's id as it may stand in a ref and a file name; Invalid for anything else."""
    if BAD_BRANCH.search(safe_name(run)):
        raise Invalid(f"{run!r} is not a run")
    return run
