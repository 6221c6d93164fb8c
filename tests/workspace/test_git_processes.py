"""How git is called: with an environment made from nothing, a deadline, a bound, and nothing left behind."""

import asyncio
import os
import select
import shutil
from pathlib import Path
from typing import Any

import pytest
from git_repositories import BRANCH, change, git

from engine.errors import Unavailable
from engine.workspace import GoalRepository
from engine.workspace.git import Git
from engine.workspace.git_process import GitFailed

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")

# HARDENING fact 4, word for word.
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_OPTIONAL_LOCKS=0",
}
OPTIONS = {
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "diff.ignoreSubmodules=all",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
}
OURS = {"PATH", "HOME", "LC_ALL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_ATTR_NOSYSTEM"} | {
    *("GIT_TERMINAL_PROMPT", "GIT_OPTIONAL_LOCKS", "GIT_NO_LAZY_FETCH", "GIT_NO_REPLACE_OBJECTS", "GIT_INDEX_FILE"),
    "GIT_LITERAL_PATHSPECS",
    *(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")),
    *("PWD", "SHLVL", "_"),  # set by the shell that records
}


class StandIn:
    """A program called git, first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = folder / "child"
        os.mkfifo(self.mark)

    def does(self, *lines: str) -> None:
        program = self.folder / "git"
        program.write_text("\n".join(("#!/bin/sh", *lines, "")))
        program.chmod(0o755)

    def hangs_with_a_child(self) -> None:
        """The child tells its id through the pipe `mark`."""
        self.does("trap '' TERM", f"sh -c 'trap \"\" TERM; echo $$ > {self.mark}; sleep 60'", "sleep 60")

    def child(self) -> int:
        """The id of the child, once it runs."""
        return int(self.mark.read_text())


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return StandIn(folder)


async def test_hardening_every_call_has_the_whole_shield(
    operator: Path, tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    real = shutil.which("git")
    stand_in.does(f"f={calls}/$$", 'printf "%s\\n" "$@" > $f.args', "env > $f.env", f'exec {real} "$@"')
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    repository = await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n", "new.txt": "y\n"})
    await repository.integrate(commit, "m")
    await repository.diff(await repository.base(), commit)
    await repository.merge_into(operator, "main", "m")
    recorded = [file.read_text().splitlines() for file in calls.glob("*.args")]
    ours = [args for args in recorded if args != ["version"] and args[-2:-1] != ["upload-pack"]]
    assert len(ours) > 30
    for args in ours:
        assert set(args) >= OPTIONS
        assert any(word.startswith("--git-dir=/") for word in args)
        assert ("protocol.file.allow=always" in args) == ("fetch" in args)
        for word in ("checkout", "add", "status", "commit", "merge", "clone", "submodule"):
            assert word not in args
        if "diff-tree" in args:
            assert {"--no-ext-diff", "--no-textconv"} <= set(args)
    for file in calls.glob("*.env"):
        rows = file.read_text().splitlines()
        # git itself adds what a program it starts needs, such as the sides of a fetch.
        if file.with_suffix(".args").read_text().splitlines() in ours:
            assert set(rows) >= ENVIRONMENT
            assert {row.split("=")[0] for row in rows} <= OURS
        assert "SECRET_TOKEN=x" not in rows


def is_gone(process: int) -> bool:
    """Whether the process ends by itself within a moment: its signal was sent, its death may take a tick."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


async def test_r101_a_call_that_hangs_ends_at_its_deadline_with_all_its_children(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.hangs_with_a_child()
    real, children = asyncio.create_subprocess_exec, []

    async def with_its_child(*argv: str, **how: Any) -> asyncio.subprocess.Process:
        process = await real(*argv, **how)
        children.append(await asyncio.to_thread(stand_in.child))
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", with_its_child)
    with pytest.raises(GitFailed, match="git log did not end within 1 s"):
        await Git(tmp_path).run("log", deadline=1.0)
    assert [is_gone(child) for child in children] == [True]


async def test_case_54_a_cancelled_call_leaves_no_process(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.hangs_with_a_child()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(Git(tmp_path).run("log"))
        child = await asyncio.to_thread(stand_in.child)
        call.cancel()
    assert call.cancelled()
    assert is_gone(child)


async def test_case_54_a_call_cancelled_while_it_starts_leaves_no_process(
    tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.hangs_with_a_child()
    real, begun, may_return = asyncio.create_subprocess_exec, asyncio.Event(), asyncio.Event()

    async def slow(*argv: str, **how: Any) -> asyncio.subprocess.Process:
        process = await real(*argv, **how)
        begun.set()
        await may_return.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(Git(tmp_path).run("log"))
        await begun.wait()
        child = await asyncio.to_thread(stand_in.child)
        call.cancel()
        may_return.set()
    assert call.cancelled()
    assert is_gone(child)


async def test_r55_output_without_end_is_cut(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.does("while :; do echo 0123456789; done")
    output = await Git(tmp_path).run("log", most=100_000)
    assert (output.cut, len(output.out)) == (True, 100_000)


async def test_complaints_are_kept_short_and_said(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.does("head -c 1000000 /dev/zero | tr '\\0' x >&2", "echo 'fatal: the end' >&2", "exit 128")
    with pytest.raises(GitFailed, match="fatal: the end") as failed:
        await Git(tmp_path).run("log")
    assert len(failed.value.message) < 2_100
    assert failed.value.details == {"exit_code": 128}


async def test_input_that_nobody_reads_does_not_hang(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in.does("exit 3")
    with pytest.raises(GitFailed, match="exit code 3"):
        await Git(tmp_path).run("log", stdin=b"x" * 10_000_000)


async def test_a_git_that_is_too_old_or_missing_is_said(
    operator: Path, tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.does("echo git version 2.30.2")
    with pytest.raises(Unavailable, match=r"git version 2\.30\.2 is too old") as old:
        await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    assert "2.38" in old.value.hint
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable, match="git is not installed"):
        await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    assert not (tmp_path / "g.git").exists()


async def test_a_repository_that_vanished_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot start in"):
        await GoalRepository(tmp_path / "gone.git", BRANCH).tip()


def give_away(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 12345, 12345)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
async def test_a_repository_of_another_user_can_be_named(operator: Path, tmp_path: Path) -> None:
    give_away(operator)
    repository = await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    await repository.integrate(commit, "m")
    assert (await repository.merge_into(operator, "main", "m")).commit == commit
    assert git(operator, "-c", "safe.directory=*", "rev-parse", "main") == commit
