"""How process sandboxes end, and that nothing of them stays (R46, R48)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from process_bench import LONG, Bench, open_bench

from engine.errors import Invalid, NotFound
from engine.ids import safe_name
from engine.model import ExitCause
from engine.sandbox import process_tree
from engine.sandbox.diagnosis import diagnose
from engine.sandbox.driver import Exit
from engine.sandbox.process_confinement import Confinement
from engine.sandbox.process_records import SHIM, read_record

PLAIN = Confinement(uid=10001 if os.geteuid() == 0 else None)
"""Without namespaces: the shim alone must find everything."""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as opened:
        yield opened


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    async with asyncio.timeout(LONG):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


def cause(exit: Exit) -> ExitCause:
    return diagnose(exit, requested=None, memory=2**29, timeout=60, idle_timeout=60, last_lines=()).cause


@pytest.mark.parametrize(
    ("command", "expected", "named"),
    [
        ("exit 0", Exit(0), ExitCause.EXIT),
        ("exit 7", Exit(7), ExitCause.EXIT),
        ("exit 137", Exit(137), ExitCause.EXIT),
        ("kill -TERM $$", Exit(None, 15), ExitCause.SIGNAL),
        ("kill -KILL $$", Exit(None, 9), ExitCause.SIGNAL),
    ],
)
async def test_r48_each_end_is_told_apart(bench: Bench, command: str, expected: Exit, named: ExitCause) -> None:
    exit, _ = await bench.run(command)
    assert (exit.code, exit.signal, exit.oom, exit.lost, exit.error) == (
        expected.code,
        expected.signal,
        False,
        False,
        "",
    )
    assert cause(exit) is named
    assert exit.finished_at is not None
    assert abs(exit.finished_at.timestamp() - time.time()) < 30


async def test_r48_a_command_that_does_not_exist_is_a_start_error(bench: Bench) -> None:
    exit, _ = await bench.run("", argv=("/no/such/program",))
    assert cause(exit) is ExitCause.START_ERROR
    assert "/no/such/program" in exit.error
    assert "No such file" in exit.error


async def test_r48_a_memory_hog_fails_by_itself_and_is_not_called_oom(bench: Bench) -> None:
    exit, said = await bench.run("python3 -c 'bytearray(400 << 20)' || echo refused", memory=128 * 1024**2)
    assert (exit.code, exit.oom, said) == (0, False, "refused\n")


async def test_r46_children_that_ignore_term_or_have_their_own_session_are_gone(bench: Bench) -> None:
    stubborn = "trap '' TERM; (trap '' TERM; sleep 300) & setsid sh -c 'sleep 301 & echo ready; sleep 302'; wait"
    name = await bench.start(stubborn)
    assert await bench.first_line(name) == "ready"
    await until(
        lambda: len(process_tree.marked(name, os_uid())) >= 4
    )  # one that becomes a program has no mark for a moment
    started = time.monotonic()
    await bench.driver.stop(name, grace=0.3)
    assert time.monotonic() - started < 5
    assert process_tree.marked(name, os_uid()) == []
    assert (await bench.driver.wait(name)).signal == 9


def os_uid() -> int:
    return 10001 if os.geteuid() == 0 else os.geteuid()


@pytest.mark.parametrize("confinement", [None, PLAIN])
async def test_r46_what_a_command_leaves_behind_ends_with_it(bench: Bench, confinement: Confinement | None) -> None:
    bench.driver._found = confinement
    orphan = "(setsid sh -c 'setsid sleep 400 & trap \"\" TERM; sleep 401' &) ; sleep 0.1; exit 4"
    name = await bench.start(orphan)
    async with asyncio.timeout(10):
        exit = await bench.driver.wait(name)
    assert exit.code == 4
    assert process_tree.marked(name, os_uid()) == []


@pytest.mark.parametrize("confinement", [None, PLAIN])
async def test_r46_kill_ends_the_whole_tree_at_once(bench: Bench, confinement: Confinement | None) -> None:
    bench.driver._found = confinement
    name = await bench.start("setsid sleep 300 & echo ready; sleep 300")
    await bench.first_line(name)
    await bench.driver.kill(name)
    assert process_tree.marked(name, os_uid()) == []
    exit = await bench.driver.wait(name)
    assert (exit.signal, exit.lost) == (9, False)


async def test_r46_stop_lets_a_command_tidy_up(bench: Bench) -> None:
    name = await bench.start("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done")
    await bench.first_line(name)
    started = time.monotonic()
    await bench.driver.stop(name, grace=10)
    assert time.monotonic() - started < 5
    assert (await bench.driver.wait(name)).code == 5
    assert await bench.output(name) == "ready\nbye\n"


async def test_r51_a_stopped_process_can_be_killed(bench: Bench) -> None:
    name = await bench.start("echo ready; kill -STOP $$; sleep 300")
    await bench.first_line(name)
    async with asyncio.timeout(10):
        await bench.driver.stop(name, grace=0.2)
        assert (await bench.driver.wait(name)).signal == 9


async def test_r46_what_survived_a_killed_shim_is_found_and_the_run_is_lost(bench: Bench) -> None:
    bench.driver._found = PLAIN
    name = await bench.start("setsid sh -c 'echo ready; sleep 300' & sleep 300")
    await bench.first_line(name)
    shim = read_record(bench.paths.sandboxes / name / SHIM)
    assert shim is not None
    os.kill(shim["pid"], 9)
    async with asyncio.timeout(10):
        exit = await bench.driver.wait(name)
    assert exit.lost
    assert cause(exit) is ExitCause.LOST
    assert process_tree.marked(name, os_uid()) != []
    await bench.driver.kill(name)
    assert process_tree.marked(name, os_uid()) == []


async def test_verbs_on_a_sandbox_that_is_gone_are_fine(bench: Bench) -> None:
    name = safe_name("ph-never-was")
    await bench.driver.stop(name, 1)
    await bench.driver.kill(name)
    await bench.driver.remove(name)
    assert (await bench.driver.wait(name)).lost
    with pytest.raises(NotFound):
        await bench.first_line(name)


def zombies() -> set[int]:
    """Children of this process that have ended and that nobody has asked about."""
    return {process.pid for process in process_tree.table() if process.parent == os.getpid() and process.ended}


async def test_no_zombie_and_no_folder_stays(bench: Bench) -> None:
    before = zombies()  # of other tests
    name = await bench.start("echo hi")
    await bench.driver.wait(name)
    private = bench.driver._folders.private(name, os.geteuid() == 0)
    assert private.is_dir()
    await bench.driver.remove(name)
    assert not private.exists()
    assert not (bench.paths.sandboxes / name).exists()
    await until(lambda: zombies() <= before)  # each is waited for, by a thread that may come a moment later


async def test_a_tree_that_resists_removal_goes_and_what_it_links_to_stays(bench: Bench, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    spin = "d=$HOME; for i in $(seq 400); do mkdir $d/deeper && cd $d/deeper && d=.; done; cd $HOME; "
    name = await bench.start(spin + f"ln -s {kept} link; mkdir shut; touch shut/x; chmod 0 shut; echo ok")
    await bench.driver.wait(name)
    assert await bench.output(name) == "ok\n"
    await bench.driver.remove(name)
    assert (kept / "file").read_text() == "mine"
    assert not (bench.paths.sandboxes / name).exists()


@pytest.mark.parametrize(
    "changes",
    [{"argv": ()}, {"argv": ("a\0b",)}, {"env": {"A=B": "c"}}, {"env": {"A": "b\0"}}, {"network": "my-net"}],
)
async def test_a_spec_that_cannot_run_is_refused_before_anything_is_made(
    bench: Bench, changes: dict[str, object]
) -> None:
    spec = await bench.spec("true", **changes)
    with pytest.raises(Invalid):
        await bench.driver.start(spec)
    assert list(bench.paths.sandboxes.iterdir()) == []
