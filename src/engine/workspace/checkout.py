"""Filling the private work tree of a run: a plain folder without any `.git`."""

import asyncio
from pathlib import Path

from engine.errors import Conflict, NotFound
from engine.workspace.git import LONG_DEADLINE, Git
from engine.workspace.merging import commit_of, tree_of
from engine.workspace.removal import remove_folder


def base_ref(run: str) -> str:
    """Where the commit is remembered that a run started from."""
    return f"refs/pilothouse/bases/{run}"


async def fill(git: Git, run: str, folder: Path, tip: str) -> str:
    """Fill `folder` from `tip`, or from what the run started from when it was filled before; gives that commit.

    A filled folder is left alone, a missing one is made again, one whose filling was interrupted is started over.
    Raises Conflict when the folder holds something else.
    """
    base = await commit_of(git, base_ref(run))
    mark = _mark(git, run)
    state = await asyncio.to_thread(_state, folder, mark)
    if base is not None and state == "filled":
        return base
    if state == "filled":
        raise Conflict(f"{folder} is not empty", hint="it belongs to no run of this goal: move it away")
    if state == "interrupted":
        await asyncio.to_thread(remove_folder, folder)
    base = base or tip
    await asyncio.to_thread(_begin, folder, mark)
    await git.run("update-ref", base_ref(run), base)
    index = git.git_dir / f"{run}.index"
    try:
        await git.run("read-tree", "--reset", "-u", base, work_tree=folder, index=index, deadline=LONG_DEADLINE)
    finally:
        await asyncio.to_thread(index.unlink, missing_ok=True)
    await asyncio.to_thread(mark.unlink)
    return base


async def take_over(git: Git, run: str, folder: Path, now: str, base: str) -> None:
    """Let a filled folder be the work tree of `run`, which starts from `base`: tracked files become those of `base`,
    what git ignores in it stays, anything else goes. `now` is the commit whose files are in it. Repeating it comes to
    the same.
    """
    started = await commit_of(git, base_ref(run))
    base = started or base
    mark = _mark(git, run)
    await asyncio.to_thread(mark.touch, 0o600)
    await git.run("update-ref", base_ref(run), base)
    if await tree_of(git, now) != await tree_of(git, base):
        index = git.git_dir / f"{run}.index"
        try:
            await git.run("read-tree", now, index=index)
            await git.run("read-tree", "--reset", "-u", base, work_tree=folder, index=index, deadline=LONG_DEADLINE)
            # What only the other commit ignored would be new work of this run.
            await git.run("clean", "-ffdq", work_tree=folder, index=index, deadline=LONG_DEADLINE)
        finally:
            await asyncio.to_thread(index.unlink, missing_ok=True)
    await asyncio.to_thread(mark.unlink)


async def base_of(git: Git, run: str) -> str:
    """The commit a run started from; NotFound when it has no work tree."""
    base = await commit_of(git, base_ref(run))
    if base is None:
        raise NotFound(f"run {run} has no work tree in this goal")
    return base


async def is_filled(git: Git, run: str, folder: Path) -> bool:
    """Whether a run's work tree was filled to its end and is still there."""
    if await commit_of(git, base_ref(run)) is None:
        return False
    return await asyncio.to_thread(folder.is_dir) and not await asyncio.to_thread(_mark(git, run).exists)


def _mark(git: Git, run: str) -> Path:
    """Stands as long as a work tree is being filled."""
    return git.git_dir / f"{run}.filling"


def _state(folder: Path, mark: Path) -> str:
    if mark.exists():
        return "interrupted"
    return "filled" if folder.is_symlink() or (folder.exists() and any(folder.iterdir())) else "empty"


def _begin(folder: Path, mark: Path) -> None:
    mark.touch(mode=0o600)
    folder.mkdir(parents=True, exist_ok=True)
