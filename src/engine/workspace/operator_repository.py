"""The operator's own repository: read it, and bring a finished change into one of its branches.

Its hooks never run, and its work tree is only written through our own git dir, so that none of its filters run on
what a sandbox wrote. Work trees are found without git's discovery.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Conflict, Invalid, NotFound
from engine.workspace.git import LONG_DEADLINE, UPLOAD_PACK, Git, branch_name
from engine.workspace.git_process import GitFailed
from engine.workspace.merging import commit_of, shown_path

UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
MOST_NAMED = 5
FETCH = (
    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-shallow", "--no-recurse-submodules"),
    *("--no-auto-maintenance", "--no-prune", "--refmap=", f"--upload-pack={UPLOAD_PACK}", "--"),
)


async def fetch(into: Git, source: Path, refspec: str) -> None:
    """Bring what `refspec` names from one local repository into another."""
    await into.run(*FETCH, str(source), refspec, fetch=True, deadline=LONG_DEADLINE)


@dataclass(frozen=True)
class WorkTree:
    """A folder in which a branch of the operator is checked out; `git_dir` holds its index."""

    folder: Path
    git_dir: Path

    async def require_following(self, ours: Git, old: str, new: str) -> None:
        """Raise Conflict, with what to do, unless the folder could go from `old` to `new` without losing anything."""
        await asyncio.to_thread(self._require_quiet)
        async with self._copied_index(ours) as copy:
            changed = await self._changed(ours, old, copy)
            if not changed:
                await self._read_tree(ours, copy, "--dry-run", old, new)
                return
        named = ", ".join(shown_path(path) for path in changed[:MOST_NAMED])
        more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        raise Conflict(
            f"{self.folder} has changes that are not committed: {named}{more}",
            hint="commit or stash them there, then try the merge again",
        )

    async def follow(self, ours: Git, old: str, new: str) -> None:
        """Bring the index and the files from `old` to `new`."""
        index = self.git_dir / "index"
        await self._refresh(ours, index)
        await self._read_tree(ours, index, old, new)

    async def changed(self, ours: Git, commit: str) -> list[bytes]:
        """Tracked paths whose staged or actual content is not that of `commit`; untracked files do not count."""
        async with self._copied_index(ours) as copy:
            return await self._changed(ours, commit, copy)

    @asynccontextmanager
    async def _copied_index(self, ours: Git) -> AsyncIterator[Path]:
        """A copy of the index with fresh file times: looking changes nothing of the operator's."""
        copy, index = ours.git_dir / "operator.index", self.git_dir / "index"
        try:
            if await asyncio.to_thread(index.exists):
                await asyncio.to_thread(shutil.copyfile, index, copy)
            await self._refresh(ours, copy)
            yield copy
        finally:
            await asyncio.to_thread(copy.unlink, missing_ok=True)

    async def _refresh(self, ours: Git, index: Path) -> None:
        """Let files count as unchanged that were only touched."""
        flags = ("-q", "--ignore-submodules", "--refresh")
        await ours.run("update-index", *flags, work_tree=self.folder, index=index, fine=(0, 1))

    async def _changed(self, ours: Git, commit: str, index: Path) -> list[bytes]:
        names = ("--name-only", "-z", "--ignore-submodules=all")
        staged = await ours.run("diff-index", "--cached", *names, commit, work_tree=self.folder, index=index)
        actual = await ours.run("diff-files", *names, work_tree=self.folder, index=index)
        return sorted({*staged.paths, *actual.paths})

    def _require_quiet(self) -> None:
        for name, what in UNDER_WAY.items():
            if (self.git_dir / name).exists():
                raise Conflict(f"{what} is under way in {self.folder}", hint="finish or abort it, then try again")
        lock = self.git_dir / "index.lock"
        if lock.exists():
            raise Conflict(f"another git is at work in {self.folder}", hint=f"wait for it; if none is, remove {lock}")

    async def _read_tree(self, ours: Git, index: Path, *arguments: str) -> None:
        flags = ("-m", "-u", "--no-recurse-submodules")
        try:
            await ours.run("read-tree", *flags, *arguments, work_tree=self.folder, index=index, deadline=LONG_DEADLINE)
        except GitFailed as error:
            words = error.message.removeprefix("git read-tree failed: ").removeprefix("error: ")
            what = f"the files in {self.folder} cannot follow: {words}"
            raise Conflict(what, hint="move them away, then try again") from error


@dataclass(frozen=True)
class OperatorRepository:
    """`work_tree` None: it is bare."""

    git: Git
    work_tree: Path | None

    @property
    def place(self) -> Path:
        return self.work_tree or self.git.git_dir

    @classmethod
    async def find(cls, repo: Path) -> "OperatorRepository":
        """The repository whose top folder is `repo`; Invalid when there is none, or it is of no use."""
        git_dir, work_tree = await asyncio.to_thread(locate, repo)
        return cls(Git(git_dir), work_tree)

    async def head(self) -> str:
        try:
            commit = await commit_of(self.git, "HEAD")
        except GitFailed as error:
            raise Invalid(f"{self.place} is no git repository that can be read: {error.message}") from error
        if commit is None:
            raise Invalid(f"{self.place} has no commit yet", hint="make a first commit: git add . && git commit")
        return commit

    async def object_format(self) -> str:
        return (await self.git.run("rev-parse", "--show-object-format")).text

    async def tip(self, branch: str) -> str:
        """The commit of a branch; NotFound when there is no such branch."""
        commit = await commit_of(self.git, f"refs/heads/{branch_name(branch)}")
        if commit is None:
            hint = f"make it with `git branch {branch}`, or name another one in the goal file"
            raise NotFound(f"{self.place} has no branch {branch}", hint=hint)
        return commit

    async def checkouts(self, branch: str) -> list[WorkTree]:
        """Every work tree in which the branch is checked out."""
        found: list[WorkTree] = []
        head = await self.git.run("symbolic-ref", "--quiet", "HEAD", fine=(0, 1))
        if self.work_tree is not None and head.text == f"refs/heads/{branch}":
            found.append(WorkTree(self.work_tree, self.git.git_dir))
        listed = await self.git.run("worktree", "list", "--porcelain", "-z")
        for record in listed.out.split(b"\0\0"):
            rows = dict(row.partition(b" ")[::2] for row in record.split(b"\0") if row)
            if rows.get(b"branch") == f"refs/heads/{branch}".encode():
                found += await asyncio.to_thread(
                    _other, Path(rows[b"worktree"].decode(errors="surrogateescape")), found
                )
        return found


def locate(repo: Path) -> tuple[Path, Path | None]:
    """The git dir and the work tree of a repository, by looking only at `repo` itself."""
    if not repo.is_dir():
        raise Invalid(f"{repo} is not a folder", hint="`repo:` names the top folder of a git repository")
    mark = repo / ".git"
    if mark.is_dir():
        return _checked(mark.resolve(), repo), repo.resolve()
    if mark.is_file():
        words = mark.read_text(encoding="utf-8", errors="surrogateescape")[:4096].strip()
        if words.startswith("gitdir:"):
            return _checked((repo / words.removeprefix("gitdir:").strip()).resolve(), repo), repo.resolve()
    if (repo / "HEAD").is_file() and (repo / "objects").is_dir():
        return repo.resolve(), None
    above = next((folder for folder in repo.resolve().parents if (folder / ".git").exists()), None)
    hint = f"its repository starts at {above}: name that folder" if above else "make one there: git init && git commit"
    raise Invalid(f"{repo} is no git repository", hint=hint)


def _checked(git_dir: Path, repo: Path) -> Path:
    if not (git_dir / "HEAD").is_file():
        raise Invalid(f"{repo} is no git repository: {git_dir} has no HEAD")
    return git_dir


def _other(folder: Path, known: list[WorkTree]) -> list[WorkTree]:
    """The work tree at `folder`, unless it is known or gone."""
    if not (folder / ".git").exists():
        return []
    git_dir, work_tree = locate(folder)
    if work_tree is None or any(other.git_dir == git_dir for other in known):
        return []
    return [WorkTree(work_tree, git_dir)]
