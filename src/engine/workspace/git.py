"""The one way git is called on the host (HARDENING fact 4).

Nothing but our own bare repository configures a call: the environment is made from nothing, hooks, fsmonitor and
every transport but one local fetch are off.
"""

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Invalid, Unavailable
from engine.workspace.git_process import READ, GitFailed, Output, call

DEADLINE = 60.0  # seconds for a call that reads or writes a few objects
LONG_DEADLINE = 900.0  # seconds for a fetch or for filling a whole work tree
MOST_OUTPUT = 64 * 1024**2
OLDEST = (2, 38)  # the first git with `merge-tree --write-tree`
NULL = os.devnull
NAME = "Pilothouse"
EMAIL = "pilothouse@localhost"

ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": NULL,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}
OPTIONS = (
    "core.fsmonitor=false",
    f"core.hooksPath={NULL}",
    f"core.attributesFile={NULL}",
    f"core.excludesFile={NULL}",
    "core.symlinks=true",
    "core.sshCommand=false",
    "core.bigFileThreshold=16m",
    "core.fsync=committed",
    "fastimport.unpackLimit=1",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "safe.bareRepository=explicit",
    "protocol.allow=never",
)
FETCH_OPTIONS = ("protocol.file.allow=always",)
# The other side of a local fetch starts from a clean environment of its own; a repository of another user is read all
# the same, since the operator named it and upload-pack runs nothing that a repository configures.
UPLOAD_PACK = "git -c 'safe.directory=*' upload-pack"

BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
BAD_BRANCH = re.compile(r"\.\.|//|/\.|\.(/|$)|/$|\.lock(/|$)|@\{")
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def branch_name(text: str) -> str:
    """A branch name that may reach git; Invalid for anything else."""
    if BRANCH.fullmatch(text) is None or BAD_BRANCH.search(text):
        raise Invalid(f"{text[:200]!r} is not a branch name", hint="letters, digits and . _ / -")
    return text


def commit_id(text: str) -> str:
    """A full commit id that may reach git; Invalid for anything else."""
    if COMMIT.fullmatch(text) is None:
        raise Invalid(f"{text[:80]!r} is not a commit id")
    return text


@dataclass(frozen=True)
class Git:
    """Calls on one git dir. `work_tree` and `index` are named per call and never found by discovery."""

    git_dir: Path

    async def run(
        self,
        *arguments: str | bytes,
        work_tree: Path | None = None,
        index: Path | None = None,
        stdin: bytes | Path | None = None,
        deadline: float = DEADLINE,
        most: int = MOST_OUTPUT,
        fetch: bool = False,
        fine: Sequence[int] = (0,),
        env: dict[str, str] | None = None,
    ) -> Output:
        """Raises GitFailed for an exit code that is not `fine`, and when the deadline passes; the whole process group
        is gone when this returns, also when it is cancelled."""
        environment = ENVIRONMENT | (env or {}) | ({"GIT_INDEX_FILE": str(index)} if index is not None else {})
        settings = OPTIONS + (FETCH_OPTIONS if fetch else ())
        command: list[str | bytes] = [program(), *(word for setting in settings for word in ("-c", setting))]
        command.append(f"--git-dir={self.git_dir}")
        if work_tree is not None:
            command.append(f"--work-tree={work_tree}")
        name = os.fsdecode(arguments[0])
        output = await call([*command, *arguments], self.git_dir, environment, stdin, deadline, most, name)
        if output.code not in fine and not output.cut:
            words = output.err.strip() or f"exit code {output.code}"
            raise GitFailed(f"git {name} failed: {words}", details={"exit_code": output.code})
        return output


def program() -> str:
    """The git program; Unavailable when there is none."""
    found = shutil.which("git")
    if found is None:
        raise Unavailable("git is not installed", hint="install git 2.38 or later; a goal without `repo:` needs none")
    return found


async def require_version() -> None:
    """Raise Unavailable unless git is new enough to merge without a work tree."""
    output = await call([program(), "version"], Path("/"), ENVIRONMENT, None, DEADLINE, READ, "version")
    found = re.search(r"(\d+)\.(\d+)", output.text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise Unavailable(f"{output.text or 'git'} is too old", hint="a goal with `repo:` needs git 2.38 or later")
