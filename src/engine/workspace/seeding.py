"""Making a goal's repository: built beside its place and moved there whole, so that a crash leaves no half of one."""

import asyncio
from pathlib import Path

from engine.errors import Invalid
from engine.workspace.git import Git
from engine.workspace.merging import commit_of
from engine.workspace.operator_repository import OperatorRepository, fetch
from engine.workspace.removal import remove_folder

BASE = "refs/pilothouse/base"
# Attributes of the repository or of a sandbox change no byte and hide no change: what a work tree holds is what is
# stored, shown and merged. This file outranks every .gitattributes.
ATTRIBUTES = "* !text !eol !crlf !filter !ident !working-tree-encoding !diff !merge !whitespace !conflict-marker-size\n"


async def seed(git_dir: Path, repo: Path, branch: str) -> None:
    """Fill `git_dir` with the history of the operator's HEAD, as `branch`; nothing to do when it is there.

    Raises Invalid when `repo` is no git repository or has no commit.
    """
    operator = await OperatorRepository.find(repo)
    if await asyncio.to_thread(git_dir.is_dir):
        return
    await operator.head()
    partial = git_dir.with_name(git_dir.name + ".partial")
    await asyncio.to_thread(_fresh, partial)
    try:
        git = Git(partial)
        kind = f"--object-format={await operator.object_format()}"
        await git.run("init", "--quiet", "--bare", "--template=", kind, f"--initial-branch={branch}")
        await asyncio.to_thread(_write_attributes, partial)
        await fetch(git, operator.git.git_dir, f"+HEAD:{BASE}")
        base = await commit_of(git, BASE)
        if base is None:
            raise Invalid(f"{repo} has no commit yet", hint="make a first commit: git add . && git commit")
        await git.run("update-ref", f"refs/heads/{branch}", base)
        await asyncio.to_thread(partial.rename, git_dir)
    except BaseException:
        await asyncio.to_thread(remove_folder, partial)
        raise


def _fresh(folder: Path) -> None:
    remove_folder(folder)
    folder.mkdir(parents=True, mode=0o700)


def _write_attributes(git_dir: Path) -> None:
    info = git_dir / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(ATTRIBUTES, encoding="ascii")
