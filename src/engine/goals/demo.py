"""The demo: a small real project in a git repository of its own, and the goal that mends it."""

import os
import shutil
import subprocess
from pathlib import Path

from engine.errors import Invalid, Unavailable

SOURCE = Path(__file__).parent / "examples" / "greeter"
GOAL_FILE = "goal.yaml"
IGNORED = "__pycache__/\n.pilothouse/\n"  # written here: packages leave out files whose name starts with a dot
DEADLINE = 60.0  # seconds for one git call on a few small files
# No configuration of the machine takes part: no template, no hook, no signing key, no other branch name.
GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Pilothouse demo",
    "GIT_AUTHOR_EMAIL": "demo@localhost",
    "GIT_COMMITTER_NAME": "Pilothouse demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost",
    "LC_ALL": "C",
}


def write_demo(folder: Path) -> Path:
    """Copy the demo project into an empty or missing folder, commit it on `main`, and return its goal file.

    Blocks for about a tenth of a second. Raises Invalid when the folder holds anything, Unavailable without git.
    """
    folder = folder.absolute()
    _require_empty(folder)
    _copy(folder)
    _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--no-verify", "-m", "The greeter, with a bug at noon")
    return folder / GOAL_FILE


def _copy(folder: Path) -> None:
    """Content only: an installed package may be read-only, and holds compiled files."""
    for file in sorted(SOURCE.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            target = folder / file.relative_to(SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise Invalid(f"{folder} is not a folder", hint="choose another folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / GOAL_FILE).is_file() and (folder / "greeter").is_dir() and (folder / ".git").exists():
        raise Invalid(
            f"{folder} holds a demo already",
            hint=f"go on with `cd {folder} && pilothouse`, or remove the folder to start again",
        )
    raise Invalid(f"{folder} is not empty", hint="choose an empty or a new folder")


def _git(folder: Path, *arguments: str) -> None:
    program = shutil.which("git")
    if program is None:
        raise Unavailable("git is not installed", hint="install git 2.38 or later")
    environment = {"PATH": os.environ.get("PATH", os.defpath)} | GIT_ENVIRONMENT
    command = [program, f"--git-dir={folder / '.git'}", f"--work-tree={folder}", *arguments]
    try:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=DEADLINE)
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip()
        raise Unavailable(f"git {arguments[0]} failed in {folder}: {words}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git {arguments[0]} did not end within {DEADLINE:.0f} s in {folder}") from error
