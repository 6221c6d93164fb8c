"""Short ways to a real repository and to a run that changes something."""

import os
import stat
import subprocess
from pathlib import Path

from engine.workspace import GoalRepository

BRANCH = "pilothouse/g-1"
IDENTITY = {
    "GIT_AUTHOR_NAME": "Operator",
    "GIT_AUTHOR_EMAIL": "operator@localhost",
    "GIT_COMMITTER_NAME": "Operator",
    "GIT_COMMITTER_EMAIL": "operator@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str, **more: str) -> str:
    """The operator's own git, as it is used outside of Pilothouse."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)} | IDENTITY | more
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


def commit_all(folder: Path, message: str = "work") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def listing(folder: Path) -> dict[str, str]:
    """Every file and link of a folder with its content or target."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"  # noqa: PTH115 - the text of the link as it stands
        elif path.is_file() and ".git" not in path.relative_to(folder).parts:
            found[name] = path.read_bytes().decode("utf-8", "backslashreplace")
    return found


async def change(
    repository: GoalRepository, run: str, folder: Path, files: dict[str, str | None], message: str = "change"
) -> str:
    """A run that writes files (or removes them) and its snapshot."""
    await repository.checkout(run, folder)
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return await repository.snapshot(run, folder, message)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
