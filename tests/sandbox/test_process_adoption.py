"""A process sandbox outlives its engine, is adopted by name and never runs twice (R19, R41, R91, case 28)."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from process_bench import Bench, open_bench

from engine.errors import NameTaken, StoreError
from engine.ids import Kind, random_id, safe_name
from engine.sandbox import process_tree
from engine.sandbox.log_capture import capture
from engine.sandbox.process_driver import ProcessDriver
from engine.sandbox.process_records import EXIT, OWNER, SHIM, read_record, write_record
from engine.sandbox.run_log import RunLog

STARTER = """
import asyncio, os, sys
from pathlib import Path
from engine.paths import ProjectPaths
from engine.sandbox.driver import SandboxSpec
from engine.sandbox.process_driver import ProcessDriver

async def main(root, engine, name, workspace, command):
    driver = ProcessDriver(engine, ProjectPaths(Path(root)))
    await driver.start(SandboxSpec(name, "host", ("sh", "-c", command), {}, 2**29, 1.0, 64, "none", Path(workspace)))
    print("started", flush=True)
    await asyncio.sleep(300)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as opened:
        yield opened


async def killed_engine(bench: Bench, command: str) -> str:
    """Another process starts a sandbox with our engine id and is killed with SIGKILL; the sandbox's name."""
    spec = await bench.spec(command)
    arguments = [str(bench.paths.root), bench.engine, spec.name, str(spec.workspace), command]
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, *arguments, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert engine.stdout is not None
    assert await engine.stdout.readline() == b"started\n"
    os.killpg(engine.pid, signal.SIGKILL)
    await engine.wait()
    return spec.name


async def test_r91_a_sandbox_is_adopted_with_its_real_exit_code(bench: Bench) -> None:
    name = safe_name(
        await killed_engine(bench, "echo before; while ! test -e go; do sleep 0.02; done; echo after; exit 23")
    )
    [owned] = await bench.driver.list_owned()
    assert (owned.name, owned.running) == (name, True)
    assert await bench.first_line(name) == "before"
    (bench.folders[-1] / "go").touch()
    async with asyncio.timeout(10):
        exit = await bench.driver.wait(name)
    assert (exit.code, exit.lost) == (23, False)
    assert await bench.output(name) == "before\nafter\n"


async def test_case_28_an_end_while_no_engine_ran_is_still_known(bench: Bench) -> None:
    name = safe_name(await killed_engine(bench, "exit 7"))
    async with asyncio.timeout(10):
        assert (await bench.driver.wait(name)).code == 7
    [owned] = await bench.driver.list_owned()
    assert not owned.running


async def test_r19_starting_again_adopts_what_runs_and_what_has_ended(bench: Bench) -> None:
    spec = await bench.spec("echo once >> counted; echo ready; exit 3")
    started = await asyncio.gather(*(bench.driver.start(spec) for _ in range(4)))
    assert sorted(one.adopted for one in started) == [False, True, True, True]
    assert (await bench.driver.wait(spec.name)).code == 3
    assert (await bench.driver.start(spec)).adopted
    assert (await bench.driver.wait(spec.name)).code == 3
    assert (spec.workspace / "counted").read_text() == "once\n"


async def test_r19_engines_that_start_one_name_at_once_run_it_once(bench: Bench) -> None:
    spec = await bench.spec("echo once >> counted; sleep 0.3")
    drivers = [ProcessDriver(bench.engine, bench.paths) for _ in range(6)]
    started = await asyncio.gather(*(driver.start(spec) for driver in drivers))
    assert [one.adopted for one in started].count(False) == 1
    await bench.driver.wait(spec.name)
    assert (spec.workspace / "counted").read_text() == "once\n"
    for driver in drivers:
        await driver.close()


async def test_r19_a_start_that_was_cut_short_is_made_good(bench: Bench) -> None:
    spec = await bench.spec("echo ran")
    folder = bench.paths.sandboxes / spec.name
    folder.mkdir(mode=0o700)
    write_record(folder / OWNER, {"engine": bench.engine, "name": spec.name, "labels": {}})
    assert (await bench.driver.wait(spec.name)).lost
    assert not (await bench.driver.start(spec)).adopted
    await bench.driver.wait(spec.name)
    assert await bench.output(spec.name) == "ran\n"


async def test_a_reused_pid_is_not_the_sandbox(bench: Bench) -> None:
    name = await bench.start("true")
    await bench.driver.wait(name)
    folder = bench.paths.sandboxes / name
    (folder / EXIT).unlink()
    shim = read_record(folder / SHIM)
    assert shim is not None
    with subprocess.Popen(["sleep", "300"]) as stranger:  # noqa: ASYNC220
        write_record(folder / SHIM, {**shim, "pid": stranger.pid})
        [owned] = await bench.driver.list_owned()
        assert not owned.running
        assert (await bench.driver.wait(name)).lost
        await bench.driver.stop(name, 0.1)
        await bench.driver.kill(name)
        await bench.driver.remove(name)
        assert stranger.poll() is None
        stranger.kill()


async def test_r41_what_belongs_to_another_engine_is_not_touched(bench: Bench) -> None:
    other = ProcessDriver(random_id(Kind.ENGINE), bench.paths)
    name = await bench.start("echo ready; sleep 300")
    await bench.first_line(name)
    assert await other.list_owned() == []
    for call in (other.kill(name), other.remove(name), other.stop(name, 0.1), other.wait(name)):
        with pytest.raises(NameTaken):
            await call
    spec = await bench.spec("true", name=name)
    with pytest.raises(NameTaken):
        await other.start(spec)
    [owned] = await bench.driver.list_owned()
    assert owned.running
    await other.close()


async def test_r41_a_strangers_folder_is_neither_used_nor_listed(bench: Bench) -> None:
    spec = await bench.spec("true")
    folder = bench.paths.sandboxes / spec.name
    folder.mkdir()
    (folder / "notes.txt").write_text("not ours")
    with pytest.raises(NameTaken):
        await bench.driver.start(spec)
    await bench.driver.remove(spec.name)
    assert await bench.driver.list_owned() == []
    assert (folder / "notes.txt").read_text() == "not ours"


async def test_r16_an_unreadable_record_breaks_no_list(bench: Bench) -> None:
    name = await bench.start("sleep 300")
    broken = bench.paths.sandboxes / "ph-broken"
    broken.mkdir()
    (broken / OWNER).write_text('{"engine": ')
    (bench.paths.sandboxes / "stray").write_text("")
    assert [owned.name for owned in await bench.driver.list_owned()] == [name]


async def test_r42_what_cannot_be_looked_at_is_not_gone(bench: Bench) -> None:
    name = await bench.start("sleep 300")
    hidden = bench.paths.state / "hidden"
    bench.paths.sandboxes.rename(hidden)
    bench.paths.sandboxes.write_text("in the way")
    with pytest.raises(StoreError):
        await bench.driver.list_owned()
    bench.paths.sandboxes.unlink()
    hidden.rename(bench.paths.sandboxes)
    assert [owned.name for owned in await bench.driver.list_owned()] == [name]


async def test_labels_come_back(bench: Bench) -> None:
    await bench.start("true", labels={"pilothouse.run": "r-1"})
    [owned] = await bench.driver.list_owned()
    assert owned.labels == {"pilothouse.run": "r-1"}


async def test_records_are_private_whatever_the_umask(bench: Bench) -> None:
    old = os.umask(0)
    try:
        name = await bench.start("true", env={"TOKEN": "secret"})
        await bench.driver.wait(name)
    finally:
        os.umask(old)
    folder = bench.paths.sandboxes / name
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077} == set()


async def test_r53_a_capture_that_was_cut_off_goes_on_without_loss_or_duplicate(bench: Bench, tmp_path: Path) -> None:
    name = await bench.start("i=0; while [ $i -lt 3000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done")
    for cut in (0.02, 0.05, 0.1, None):
        log = RunLog.open(tmp_path / "log", 8 * 1024**2)
        try:
            async with asyncio.timeout(cut):
                await capture(bench.driver, name, log)
        except TimeoutError:
            pass
        finally:
            log.close()
    lines = RunLog.open(tmp_path / "log", 8 * 1024**2).tail(10_000)
    assert sorted(lines) == sorted(f"{stream} {n}" for n in range(3000) for stream in ("out", "err"))
    assert [line for line in lines if line.startswith("out")] == [f"out {n}" for n in range(3000)]


async def test_wait_is_told_at_once_and_costs_no_thread(bench: Bench) -> None:
    names = [await bench.start("sleep 0.3") for _ in range(6)]
    async with asyncio.timeout(10):
        exits = await asyncio.gather(*(bench.driver.wait(name) for name in names))
    assert [exit.code for exit in exits] == [0] * 6


def test_the_shim_loads_nothing_but_the_standard_library(run_python: object) -> None:
    code = "import json, sys; import engine.sandbox.process_shim, engine.sandbox.process_enter; "
    code += "print(json.dumps([name for name in sys.modules if '.' not in name or name.startswith('engine')]))"
    assert callable(run_python)
    loaded = set(json.loads(run_python(code)))
    ours = {name for name in loaded if name.startswith("engine.")}
    standing_alone = {"engine.sandbox", "engine.redaction"}
    assert all(name in standing_alone or name.startswith("engine.sandbox.process_") for name in ours)
    assert loaded & {"pydantic", "psutil", "docker", "httpx", "textual"} == set()


def test_a_process_is_named_exactly() -> None:
    me = process_tree.read(os.getpid())
    assert me is not None
    assert process_tree.alive(me.pid, me.identity)
    assert not process_tree.alive(me.pid, me.identity + "0")
    assert not process_tree.alive(2**22 + 1, me.identity)
