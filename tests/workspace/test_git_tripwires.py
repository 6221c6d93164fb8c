"""R60: the host executes nothing that a sandbox wrote, through every git call we make."""

import os
import socket
from pathlib import Path

import pytest
from git_repositories import BRANCH, change, commit_all, git, listing

from engine.errors import Conflict
from engine.workspace import GoalRepository

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")

HOOKS = (
    *("pre-commit", "post-commit", "post-checkout", "post-merge", "pre-receive", "update", "post-receive", "pre-push"),
    *("reference-transaction", "post-index-change", "pre-auto-gc", "post-rewrite", "post-update", "fsmonitor-watchman"),
)


class Wire:
    """A program that leaves a mark when anybody runs it."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "TRIPPED"
        self.program = folder / "tripwire"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.mark}\ncat\n')
        self.program.chmod(0o755)

    @property
    def fired(self) -> str:
        return self.mark.read_text() if self.mark.exists() else ""

    def config(self) -> str:
        """Every setting by which git runs a program."""
        run, folder = str(self.program), self.program.parent
        return "\n".join(
            (
                f"[core]\nfsmonitor = {run}\nhooksPath = {folder}/hooks\nattributesFile = {folder}/attributes",
                f"sshCommand = {run}\npager = {run}\neditor = {run}\ngitProxy = {run}\nalternateRefsCommand = {run}",
                f'[filter "evil"]\nclean = {run}\nsmudge = {run}\nrequired = true\n[filter "proc"]\nprocess = {run}',
                f'[diff]\nexternal = {run}\n[diff "evil"]\ncommand = {run}\ntextconv = {run}',
                f'[merge "evil"]\ndriver = {run}\n[credential]\nhelper = {run}',
                f"[uploadpack]\npackObjectsHook = {run}\n[gpg]\nprogram = {run}\n[commit]\ngpgSign = true\n",
            )
        )

    def hooks(self, git_dir: Path) -> None:
        (git_dir / "hooks").mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            hook = git_dir / "hooks" / name
            hook.write_text(f"#!/bin/sh\nexec {self.program} hook {name} </dev/null\n")
            hook.chmod(0o755)

    def arm(self, git_dir: Path) -> None:
        with (git_dir / "config").open("a") as config:
            config.write(self.config())
        self.hooks(git_dir)


ATTRIBUTES = "* filter=evil diff=evil merge=evil\n*.txt filter=proc diff=evil\n"


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    folder = tmp_path / "wire"
    folder.mkdir()
    (folder / "attributes").write_text(ATTRIBUTES)
    wire = Wire(folder)
    wire.hooks(folder)
    return wire


def plant(folder: Path, wire: Wire) -> None:
    """What a hostile sandbox leaves in its work tree."""
    for place in (folder, folder / "nested", folder / "lib"):
        place.mkdir(exist_ok=True)
        git(place, "init", "--quiet", "--initial-branch=main")
        wire.arm(place / ".git")
        (place / ".gitattributes").write_text(ATTRIBUTES)
    (folder / "nested" / "inner.txt").write_text("inner\n")
    (folder / ".gitmodules").write_text(
        f'[submodule "nested"]\n\tpath = nested\n\turl = file:///\n\tupdate = !{wire.program}\n\tbranch = main\n'
    )
    (folder / "a.txt").write_text("hostile\n")


def test_the_tripwire_works(tmp_path: Path, wire: Wire) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    plant(folder, wire)
    git(folder, "status")
    assert wire.fired


@pytest.fixture
def hostile_machine(tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own configuration would run programs too: none of it takes part."""
    config = tmp_path / "gitconfig"
    config.write_text(wire.config())
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(wire.config())
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(wire.program))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wire.program))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(wire.program))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))


@pytest.mark.usefixtures("hostile_machine")
async def test_case_41_r60_no_call_runs_what_a_sandbox_or_a_repository_configures(
    operator: Path, tmp_path: Path, wire: Wire
) -> None:
    wire.arm(operator / ".git")
    ours = tmp_path / "state" / "g-1.git"
    repository = await GoalRepository.create(ours, operator, BRANCH)
    base = await repository.checkout("r-1", tmp_path / "w1")
    await repository.checkout("r-2", tmp_path / "w2")
    plant(tmp_path / "w1", wire)
    plant(tmp_path / "w2", wire)
    (tmp_path / "w2" / "other.txt").write_text("other\n")
    first = await repository.snapshot("r-1", tmp_path / "w1", "m")
    second = await repository.snapshot("r-2", tmp_path / "w2", "m")
    assert (await repository.integrate(first, "m")).conflicts == ()
    assert (await repository.integrate(second, "m")).conflicts == ()
    diff = await repository.diff(base, await repository.tip())
    assert "+hostile" in diff.text
    # Attributes that name filters are in the branch now, and are checked out, compared and merged once more.
    third = await change(repository, "r-3", tmp_path / "w3", {"a.txt": "again\n"})
    await repository.integrate(third, "m")
    (operator / "theirs.txt").write_text("theirs\n")
    git(operator, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "add", "--all",
        GIT_CONFIG_NOSYSTEM="1")  # fmt: skip
    git(
        operator,
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "commit",
        "-q",
        "--no-gpg-sign",
        "-m",
        "x",
    )
    wire.mark.unlink(missing_ok=True)
    merged = await repository.merge_into(operator, "main", "m")
    assert merged.conflicts == ()
    assert (operator / "a.txt").read_text() == "again\n"
    await repository.merge_into(operator, "main", "m")
    await repository.remove(tmp_path / "w1")
    assert wire.fired == ""


@pytest.mark.usefixtures("hostile_machine")
async def test_r60_before_any_merge_nothing_fires_either(operator: Path, tmp_path: Path, wire: Wire) -> None:
    wire.arm(operator / ".git")
    repository = await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    await repository.checkout("r-1", tmp_path / "w1")
    plant(tmp_path / "w1", wire)
    commit = await repository.snapshot("r-1", tmp_path / "w1", "m")
    patch = tmp_path / "salvage" / "r-1.patch"
    assert await repository.salvage("r-1", commit, patch) == "pilothouse/salvage/r-1"
    assert "+hostile" in patch.read_text()
    await repository.integrate(commit, "m")
    await repository.diff(await repository.base(), commit)
    assert wire.fired == ""


@pytest.mark.parametrize("replaced", ["folder", "file", "link"])
async def test_r60_a_git_of_the_sandbox_is_neither_read_nor_stored(
    replaced: str, repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    match replaced:
        case "folder":
            git(folder, "init", "--quiet")
            commit_all(folder)
        case "file":
            (folder / ".git").write_text(f"gitdir: {ours}\n")
        case _:
            (folder / ".git").symlink_to(ours)
    (folder / "lib" / ".GIT").mkdir()
    (folder / "lib" / ".GIT" / "config").write_text("[core]\n")
    (folder / "lib" / "git~1").write_text("x")
    (folder / "new.txt").write_text("new\n")
    commit = await repository.snapshot("r-1", folder, "m")
    assert git(ours, "ls-tree", "-r", "--name-only", commit).split() == ["a.txt", "lib/b.txt", "new.txt"]
    assert await repository.tip() == await repository.base()


async def test_nested_repositories_are_stored_as_plain_files(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    (folder / "vendor").mkdir()
    git(folder / "vendor", "init", "--quiet")
    (folder / "vendor" / "code.py").write_text("x = 1\n")
    commit_all(folder / "vendor")
    commit = await repository.snapshot("r-1", folder, "m")
    rows = git(ours, "ls-tree", "-r", commit, "vendor").split()
    assert (rows[0], rows[3]) == ("100644", "vendor/code.py")


async def test_r60_a_submodule_of_the_operator_stays_as_it_is(tmp_path: Path, operator: Path, wire: Wire) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "--quiet")
    (inner / "x").write_text("x")
    linked = commit_all(inner)
    git(operator, "update-index", "--add", "--cacheinfo", f"160000,{linked},mod")
    git(operator, "commit", "-q", "-m", "a submodule")
    repository = await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    assert (folder / "mod").is_dir()
    git(folder / "mod", "init", "--quiet")
    wire.arm(folder / "mod" / ".git")
    assert await repository.snapshot("r-1", folder, "m") == base
    (folder / "a.txt").write_text("x\n")
    commit = await repository.snapshot("r-1", folder, "m")
    assert [file.path for file in (await repository.diff(base, commit)).files] == ["a.txt"]
    (folder / "mod" / "own.txt").write_text("own\n")
    filled = await repository.snapshot("r-1", folder, "m")
    assert [file.path for file in (await repository.diff(commit, filled)).files] == ["mod", "mod/own.txt"]
    await repository.remove(folder / "mod")
    gone = await repository.snapshot("r-1", folder, "m")
    assert [file.path for file in (await repository.diff(commit, gone)).files] == ["mod"]
    assert wire.fired == ""


async def test_r45_links_are_stored_as_links_and_never_followed(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.txt").write_text("SECRET\n")
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    (folder / "file").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to(outside)
    (folder / "dangling").symlink_to("nowhere\nat all")
    (folder / "lib" / "b.txt").unlink()
    (folder / "lib").rmdir()
    (folder / "lib").symlink_to(outside)
    (folder / ".gitignore").symlink_to(outside / "b.txt")
    commit = await repository.snapshot("r-1", folder, "m")
    rows = [row.split() for row in git(ours, "ls-tree", "-r", commit).splitlines()]
    links = {row[3] for row in rows if row[0] == "120000"}
    assert links == {"file", "folder", "dangling", "lib", ".gitignore"}
    assert {row[3] for row in rows} - links == {"a.txt"}
    assert git(ours, "show", f"{commit}:file") == "/etc/passwd"
    await repository.integrate(commit, "m")
    await repository.checkout("r-2", tmp_path / "again")
    assert listing(tmp_path / "again") == listing(folder)
    assert "SECRET" not in git(ours, "log", "-p", "--all")
    await repository.remove(tmp_path / "again")
    await repository.remove(folder)
    assert listing(outside) == {"b.txt": "SECRET\n"}


async def test_case_42_pipes_and_sockets_are_left_out(repository: GoalRepository, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        assert await repository.snapshot("r-1", folder, "m") == base


@pytest.mark.parametrize("name", [".gitignore", "lib/.gitignore", ".gitattributes"])
async def test_a_rule_file_that_would_hang_git_is_refused(
    name: str, repository: GoalRepository, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    os.mkfifo(folder / name)
    (folder / "new").write_text("x")
    with pytest.raises(Conflict, match=r"\.git\w+ in the work tree is no plain file"):
        await repository.snapshot("r-1", folder, "m")


async def test_a_file_or_a_depth_beyond_all_bounds_is_refused_at_once(
    repository: GoalRepository, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    with (folder / "sparse").open("wb") as sparse:
        sparse.truncate(20 * 1024**3)
    with pytest.raises(Conflict, match="sparse is no plain file of at most 1 GB"):
        await repository.snapshot("r-1", folder, "m")
    (folder / "sparse").unlink()
    deep = folder
    for _ in range(220):
        deep = deep / "d"
    deep.mkdir(parents=True)
    with pytest.raises(Conflict, match="nested deeper than 200 levels"):
        await repository.snapshot("r-1", folder, "m")


@pytest.mark.parametrize(
    "attribute", ["-diff", "binary", "diff=evil", "-text", "working-tree-encoding=UTF-16", "ident"]
)
async def test_r82_attributes_cannot_hide_or_bend_a_change(
    attribute: str, repository: GoalRepository, tmp_path: Path
) -> None:
    text = "one\nHIDDEN $Id$\nthree\n"
    files = {".gitattributes": f"* {attribute}\n", "a.txt": text}
    commit = await change(repository, "r-1", tmp_path / "w", files)
    diff = await repository.diff(await repository.base(), commit)
    assert "+HIDDEN $Id$\n" in diff.text
    await repository.integrate(commit, "m")
    await repository.checkout("r-2", tmp_path / "again")
    assert (tmp_path / "again" / "a.txt").read_text() == text
