"""What a process sandbox sees of the machine and of others (R47, R111)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from process_bench import Bench, open_bench

from engine.errors import Invalid
from engine.sandbox import process_driver
from engine.sandbox.process_confinement import Confinement, open_to_all, search_path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop to another user")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as opened:
        await opened.driver.check()
        yield opened


@pytest.fixture
def open_stdin() -> Iterator[None]:
    """This process has a standard input on which nothing ever comes."""
    reading, writing = os.pipe()
    saved = os.dup(0)
    os.dup2(reading, 0)
    yield
    os.dup2(saved, 0)
    for file in (reading, writing, saved):
        os.close(file)


@pytest.fixture
def more_groups() -> Iterator[None]:
    """This process is in a group that could read what is not for sandboxes."""
    saved = os.getgroups()
    os.setgroups([*saved, 4])
    yield
    os.setgroups(saved)


async def test_r47_reading_stdin_returns_at_once(bench: Bench, open_stdin: None) -> None:
    started = time.monotonic()
    exit, said = await bench.run("read answer; echo read $?; cat; echo cat $?")
    assert (exit.code, said) == (0, "read 1\ncat 0\n")
    assert time.monotonic() - started < 5


async def test_r47_the_environment_is_only_what_was_declared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "of-the-operator")
    exit, said = await bench.run("env", env={"DECLARED": "yes", "PILOTHOUSE_RUN": "r-1"})
    assert exit.code == 0
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {
        "DECLARED", "HOME", "LANG", "PATH", "PILOTHOUSE_RUN", "PILOTHOUSE_SANDBOX", "TMPDIR",
    }  # fmt: skip
    assert "DECLARED=yes" in said


async def test_r47_two_runs_share_no_home_temp_or_working_folder(bench: Bench) -> None:
    ask = "echo $HOME $TMPDIR $PWD; touch $HOME/h $TMPDIR/t w && ls $HOME $TMPDIR ."
    (one, said), (two, other) = await asyncio.gather(bench.run(ask), bench.run(ask))
    assert one.code == two.code == 0
    assert set(said.splitlines()[0].split()).isdisjoint(other.splitlines()[0].split())


@pytest.mark.parametrize("stream", [1, 2])
async def test_r47_a_megabyte_of_undecodable_bytes_blocks_nobody(bench: Bench, stream: int) -> None:
    code = f"import os; d = bytes([255]) * 1000; [os.write({stream}, d) for _ in range(1000)]; os.write(1, b'end')"
    name = await bench.start("", argv=("python3", "-c", code))
    async with asyncio.timeout(20):
        assert (await bench.driver.wait(name)).code == 0
    chunks = [chunk async for chunk in bench.driver.logs(name, None)]
    assert sum(chunk.data.count(b"\xff") for chunk in chunks) == 1_000_000
    assert chunks[-1].data.endswith(b"end\n")


async def test_r47_scratch_goes_with_the_sandbox(bench: Bench) -> None:
    for _ in range(3):
        name = await bench.start("head -c 100000 /dev/zero > $TMPDIR/fill; cp $TMPDIR/fill $HOME")
        await bench.driver.wait(name)
        await bench.driver.remove(name)
    assert list(bench.paths.sandboxes.iterdir()) == []
    shared = bench.driver._folders.shared / "sandboxes"
    assert not shared.exists() or list(shared.iterdir()) == []


@as_root
async def test_r111_as_root_the_sandbox_is_uid_10001_without_groups_or_new_privileges(
    bench: Bench, more_groups: None
) -> None:
    assert bench.driver.confined
    exit, said = await bench.run("id; grep -E 'NoNewPrivs|CapEff|CapPrm' /proc/self/status")
    assert exit.code == 0
    identity, *status = said.splitlines()
    assert identity.startswith("uid=10001")
    assert identity.endswith("groups=10001")
    assert {line.split()[1] for line in status} == {"0000000000000000", "1"}


@as_root
async def test_r111_as_root_the_sandbox_reads_neither_our_files_nor_the_state(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("token")
    secret.chmod(0o600)
    state = bench.paths.state
    (state / "engine.db").write_text("rows")
    name = await bench.start(
        f"cat {secret}; cat {state}/engine.db; ls {state}; cat {state}/sandboxes/*/launch.json; ls .."
    )
    assert (await bench.driver.wait(name)).code != 0
    assert await bench.output(name) == ""


@as_root
async def test_r46_as_root_it_sees_no_process_but_its_own(bench: Bench) -> None:
    if not bench.driver._found or not bench.driver._found.isolate:
        pytest.skip("this kernel lets us make no namespaces")
    _, said = await bench.run("ls /proc | grep -c '^[0-9]*$'; kill -9 -1; echo not here")
    assert int(said.splitlines()[0]) <= 4


@as_root
async def test_network_none_has_loopback_and_nothing_else(bench: Bench) -> None:
    if not bench.driver._found or not bench.driver._found.isolate:
        pytest.skip("this kernel lets us make no namespaces")
    code = "import os, socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); "
    code += "print(sorted(name for _, name in socket.if_nameindex() if name in ('lo', 'eth0', 'docker0')))"
    _, closed = await bench.run("", argv=("python3", "-c", code))
    assert closed == "['lo']\n"
    _, opened = await bench.run("ls -l /proc/self/ns/net", network="open")
    assert opened.split()[-1] == os.readlink("/proc/self/ns/net")  # noqa: PTH115


@as_root
async def test_r45_only_our_own_work_folders_are_given_away(bench: Bench, tmp_path: Path) -> None:
    theirs = tmp_path / "repository"
    theirs.mkdir()
    for folder in (theirs, bench.driver._folders.shared, bench.driver.work_folder("r-1") / "../../../.."):
        with pytest.raises(Invalid):
            await bench.driver.prepare(folder)
    assert theirs.stat().st_uid == 0


@as_root
async def test_a_work_folder_is_given_away_without_following_links(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = bench.driver.work_folder("r-links")
    bench.folders.append(folder)
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "link").symlink_to(outside)
    (folder / "sub" / "file").write_text("theirs")
    await bench.driver.prepare(folder)
    assert outside.stat().st_uid == 0
    assert (folder / "sub" / "link").lstat().st_uid == (folder / "sub" / "file").stat().st_uid == 10001
    assert folder.parent.stat().st_mode & 0o777 == folder.parent.parent.stat().st_mode & 0o777 == 0o711


async def test_limits_stand_in_the_sandbox(bench: Bench) -> None:
    ask = "ulimit -n; ulimit -c; ulimit -d; umask; cat /proc/self/oom_score_adj"
    _, said = await bench.run(ask, memory=256 * 1024**2)
    assert said.split() == ["4096", "0", str(256 * 1024), "0022", "500"]


@as_root
async def test_a_fork_bomb_is_bounded_and_ends(bench: Bench) -> None:
    # What waits and speaks is the shell itself: where no process is left, it could start none for it.
    wait = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
    name = await bench.start(f"f() {{ f | f & }}; f 2>/dev/null; {wait}; echo tried; while :; do :; done", pids=40)
    async with asyncio.timeout(30):
        await bench.first_line(name)
        await bench.driver.kill(name)
        assert (await bench.driver.wait(name)).signal in (9, None)


async def test_exec_runs_beside_the_command_as_its_user(bench: Bench) -> None:
    name = await bench.start("echo here > file; echo ready; sleep 300")
    await bench.first_line(name)
    code, said = await bench.driver.exec(name, ["sh", "-c", "cat file; id -u; ls /proc | grep -c '^[0-9]*$'; exit 3"])
    assert code == 3
    written, uid, processes = said.decode().split()
    assert (written, uid) == ("here", "10001" if os.geteuid() == 0 else str(os.geteuid()))
    assert int(processes) > 0
    assert (await bench.driver.exec(name, ["/no/such"]))[0] == 127


async def test_an_unconfined_driver_says_so_in_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.driver._found = None
    monkeypatch.setattr(process_driver, "probe", Confinement)
    words = " ".join((await bench.driver.check()).notices)
    assert "their own gate" in words
    assert "bubblewrap" in words
    assert "keep their network" in words
    assert not bench.driver.confined
    assert not bench.driver.cuts_network


async def test_a_list_of_hosts_is_refused_where_it_would_hold_nothing_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = await bench.spec("true", network="egress")
    monkeypatch.setattr(bench.driver, "_found", Confinement())
    with pytest.raises(Invalid, match="would hold nothing back"):
        await bench.driver.start(spec)


def test_path_keeps_only_what_the_sandboxs_user_can_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    environ = {"PATH": f"{closed}/bin:relative:/usr/bin"}
    assert search_path(10001, environ).split(":")[0] == "/usr/bin"
    assert search_path(None, environ).split(":")[0] == f"{closed}/bin"
    assert not open_to_all(closed / "bin")
