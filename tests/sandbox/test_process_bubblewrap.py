"""Process sandboxes in bubblewrap: what the engine uses when it is not root (R46, R111)."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from process_bench import Bench, open_bench

from engine.model import Stream
from engine.sandbox import process_tree
from engine.sandbox.driver import Mount
from engine.sandbox.process_confinement import Confinement, _working_bubblewrap

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A driver that was not let become another user; this test's own user stands for the operator.

    The project lies outside /tmp, which is out of sight in bubblewrap as a whole.
    """
    program = _working_bubblewrap()
    if program is None:
        pytest.skip("bubblewrap cannot make namespaces here")
    with TemporaryDirectory(dir="/var/tmp", prefix="pilothouse-test-") as root:
        async with open_bench(Path(root)) as opened:
            opened.driver._found = Confinement(bubblewrap=program)
            yield opened


async def test_r111_the_state_is_out_of_sight_and_the_rest_read_only(bench: Bench) -> None:
    assert bench.driver.confined
    (bench.paths.state / "engine.db").write_text("rows")
    state = bench.paths.state
    command = (
        f"cat {state}/engine.db; ls -A {state}/sandboxes/*/launch.json; touch /usr/x /etc/x {state}/../x; ls -A /run"
    )
    name = await bench.start(command)
    assert (await bench.driver.wait(name)).code == 0
    assert await bench.output(name) == ""
    assert "No such file" in await bench.output(name, Stream.ERR)
    assert not (bench.paths.root / "x").exists()


async def test_its_own_folders_are_writable_and_temporary_ones_private(bench: Bench) -> None:
    name = f"pilothouse-test-{os.getpid()}"
    exit, said = await bench.run(f"touch file $HOME/h $TMPDIR/t /tmp/{name} && ls /tmp; pwd; echo $HOME")
    assert exit.code == 0
    listed = said.splitlines()
    assert {name, str(bench.folders[0])} <= set(listed)
    assert (bench.folders[0] / "file").exists()
    assert not Path("/tmp", name).exists()  # noqa: ASYNC240


async def test_a_mount_stays_visible_inside_the_hidden_state(bench: Bench) -> None:
    outbox = bench.paths.state / "outbox"
    outbox.mkdir()
    mount = Mount(outbox, "/run/pilothouse/outbox")
    exit, _ = await bench.run(f"echo said > {outbox}/note.json", mounts=(mount,))
    assert exit.code == 0
    assert (outbox / "note.json").read_text() == "said\n"


async def test_it_sees_its_own_processes_and_no_network(bench: Bench) -> None:
    _, said = await bench.run(
        "ls /proc | grep -c '^[0-9]*$'; tail -n +3 /proc/net/dev | cut -d: -f1 | grep -c -E 'eth|docker'"
    )
    processes, networks = said.split()
    assert int(processes) <= 5
    assert networks == "0"


async def test_r46_stop_is_gentle_first_and_leaves_nothing(bench: Bench) -> None:
    uid = os.geteuid()
    gentle = await bench.start("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    stubborn = await bench.start("trap '' TERM; setsid sleep 300 & echo ready; while :; do sleep 0.05; done")
    for name in (gentle, stubborn):
        await bench.first_line(name)
        assert process_tree.marked(name, uid) != []
        async with asyncio.timeout(10):
            await bench.driver.stop(name, grace=1)
        assert process_tree.marked(name, uid) == []
    assert (await bench.driver.wait(gentle)).code == 5
    assert await bench.output(gentle) == "ready\nbye\n"
    killed = await bench.driver.wait(stubborn)
    assert (killed.code, killed.signal) in {(137, None), (None, 9)}


async def test_what_it_leaves_behind_ends_with_it(bench: Bench) -> None:
    exit, _ = await bench.run("(setsid sleep 400 &); sleep 0.1; exit 4")
    assert exit.code == 4
    [owned] = await bench.driver.list_owned()
    assert process_tree.marked(owned.name, os.geteuid()) == []
