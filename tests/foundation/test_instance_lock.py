"""R99: one engine per project, whatever was left behind."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from engine.errors import EngineRunning, Unavailable
from engine.instance_lock import InstanceLock

STARTER = """
import fcntl, os, sys
from pathlib import Path
from engine.errors import EngineRunning
from engine.instance_lock import InstanceLock
if {no_flock}:
    def refuse(file, how):
        raise OSError(95, "Operation not supported")
    fcntl.flock = refuse
lock = InstanceLock(Path({path!r}))
sys.stdin.readline()
try:
    lock.acquire()
except EngineRunning as error:
    print("refused", error.message, flush=True)
else:
    inside = os.open({path!r} + ".inside", os.O_CREAT | os.O_EXCL)  # fails when two hold the project
    print("holds", os.getpid(), flush=True)
    sys.stdin.readline()
    os.unlink({path!r} + ".inside")
    lock.release()
"""


@contextmanager
def starters(path: Path, count: int, *, no_flock: bool = False) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that try to become the engine at the first line on their stdin, and let go at the second."""
    code = STARTER.format(path=str(path), no_flock=no_flock)
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def write_holder(path: Path, pid: int, created: float, host: str | None = None) -> None:
    path.write_text(json.dumps({"pid": pid, "created": created, "host": host or socket.gethostname()}))


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("no_flock", [False, True])
def test_r99_twenty_starters_over_a_stale_lock_leave_one_engine(tmp_path: Path, no_flock: bool) -> None:
    path = tmp_path / "engine.lock"
    write_holder(path, dead_pid(), 1.0)
    with starters(path, 20, no_flock=no_flock) as processes:
        for process in processes:
            tell(process)
        answers = [hear(process) for process in processes]
        assert sorted(file.name for file in tmp_path.iterdir()) == ["engine.lock", "engine.lock.inside"]
    winners = [answer.split()[1] for answer in answers if answer.startswith("holds")]
    assert len(winners) == 1
    assert len([answer for answer in answers if answer.startswith("refused")]) == 19
    assert any(f"pid {winners[0]} on {socket.gethostname()} since" in answer for answer in answers)


@pytest.mark.parametrize("no_flock", [False, True])
def test_r99_a_killed_engine_frees_its_project_at_once(tmp_path: Path, no_flock: bool) -> None:
    path = tmp_path / "engine.lock"
    with starters(path, 2, no_flock=no_flock) as (first, second):
        tell(first)
        assert hear(first) == f"holds {first.pid}"
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        (tmp_path / "engine.lock.inside").unlink()
        tell(second)
        assert hear(second) == f"holds {second.pid}"


def test_r99_a_reused_pid_is_not_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "engine.lock"
    lock = InstanceLock(path)
    mine = psutil.Process().create_time()
    write_holder(path, os.getpid(), mine)
    assert lock.holder() is not None
    write_holder(path, os.getpid(), mine - 60)
    assert lock.holder() is None


def test_r99_the_refusal_names_pid_host_and_time(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    lock = InstanceLock(path)
    lock.acquire()
    with pytest.raises(EngineRunning) as refused:
        InstanceLock(path).acquire()
    holder = lock.holder()
    assert holder is not None
    assert refused.value.details == {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": holder.started_at.isoformat(),
    }
    assert "attach to it by themselves" in refused.value.hint
    lock.release()


@pytest.mark.parametrize("visiting", [False, True])
def test_r99_a_refusal_tells_a_visit_from_an_engine(tmp_path: Path, visiting: bool) -> None:
    lock = InstanceLock(tmp_path / "engine.lock", visiting=visiting)
    lock.acquire()
    with pytest.raises(EngineRunning, match=f"pid {os.getpid()}") as refused:
        InstanceLock(tmp_path / "engine.lock").acquire()
    assert refused.value.passing is visiting
    lock.release()


def test_r99_a_holder_that_has_not_named_itself_yet_may_be_a_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.instance_lock.NAMING_WAIT", 0.0)
    with (tmp_path / "engine.lock").open("w") as nameless:
        fcntl.flock(nameless, fcntl.LOCK_EX)
        with pytest.raises(EngineRunning, match="starting") as refused:
            InstanceLock(tmp_path / "engine.lock").acquire()
    assert refused.value.passing


def test_r97_release_leaves_no_file_and_a_free_project(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    lock = InstanceLock(path)
    lock.acquire()
    assert path.stat().st_mode & 0o777 == 0o600
    lock.release()
    assert not path.exists()
    lock.release()
    lock.acquire()
    lock.release()


def test_r99_a_lock_unlinked_by_its_leaving_holder_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    for _ in range(3):
        with starters(path, 6) as processes:
            for process in processes:
                tell(process)
                tell(process)  # let go again at once, so that the others race with the unlinking
            answers = [hear(process) for process in processes]
            ends = [process.wait(timeout=20) for process in processes]
        assert ends == [0] * 6, "a starter crashed: two were inside"
        assert any(answer.startswith("holds") for answer in answers)


def test_r99_without_flock_a_holder_on_another_machine_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    path = tmp_path / "engine.lock"
    write_holder(path, 1, 1.0, "elsewhere")
    with pytest.raises(EngineRunning, match="elsewhere") as refused:
        InstanceLock(path).acquire()
    assert "delete" in refused.value.hint


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot take the lock"):
        InstanceLock(tmp_path / "missing" / "engine.lock").acquire()


def test_an_unreadable_lock_file_names_nobody_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    path.write_bytes(b"\xff{")
    lock = InstanceLock(path)
    assert lock.holder() is None
    lock.acquire()
    assert lock.holder() is not None
    lock.release()
