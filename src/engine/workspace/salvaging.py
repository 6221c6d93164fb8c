"""Work that the goal's branch does not hold: a branch of its own and a patch, before its folder goes (R59)."""

import asyncio
from pathlib import Path

from engine.workspace.git import LONG_DEADLINE, Git
from engine.workspace.merging import commit_of

PATCH = (
    *("diff-tree", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)


async def keep_apart(git: Git, run: str, base: str, commit: str, patch: Path) -> str:
    """Name a commit by a salvage branch and write what it changes since `base` as a patch; gives the branch.

    Repeating it changes nothing. A branch that keeps other work of the run stays, and the newer work gets its own.
    """
    branch = f"pilothouse/salvage/{run}"
    held = await commit_of(git, f"refs/heads/{branch}")
    if held not in (None, commit):
        branch, patch = f"{branch}-{commit[:12]}", patch.with_name(f"{patch.stem}-{commit[:12]}{patch.suffix}")
    await git.run("update-ref", f"refs/heads/{branch}", commit)
    partial = patch.with_name(patch.name + ".partial")
    await asyncio.to_thread(patch.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
    try:
        await git.run(*PATCH, f"--output={partial}", base, commit, "--", deadline=LONG_DEADLINE)
        await asyncio.to_thread(partial.replace, patch)
    finally:
        await asyncio.to_thread(partial.unlink, missing_ok=True)
    return branch
