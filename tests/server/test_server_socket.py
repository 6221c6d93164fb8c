"""The socket is its owner's alone, and nobody else's file is touched for it (R116, HARDENING 52)."""

import asyncio
import fcntl
import os
import socket as sockets
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from engine_stub import StubEngine

from engine.client import RemoteEngine
from engine.errors import Conflict, EngineRunning, EngineUnavailable, Invalid, PilothouseError
from engine.server import serve
from engine.server.sockets import private_socket


@pytest.fixture(params=[0, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "engine.sock"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_r116_socket_and_folder_are_private_whatever_the_umask(umask: int, path: Path) -> None:
    with private_socket(path):
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_r116_the_socket_is_never_wider_than_in_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    seen = []
    monkeypatch.setattr(os, "chmod", lambda *_a, **_k: seen.append(mode(path)))
    try:
        with private_socket(path):
            assert seen == [0o600]
    finally:
        os.umask(before)


def test_r116_an_open_folder_is_closed_but_a_shared_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)
    with private_socket(folder / "engine.sock"):
        assert mode(folder) == 0o700
    folder.chmod(0o1777)
    with pytest.raises(Invalid, match="shared"), private_socket(folder / "engine.sock"):
        pass
    assert mode(folder) == 0o1777


def test_case_52_a_stale_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    dead = sockets.socket(sockets.AF_UNIX)
    dead.bind(str(path))
    dead.listen()
    dead.close()
    with private_socket(path), sockets.socket(sockets.AF_UNIX) as visitor:
        visitor.connect(str(path))
    assert not path.exists()


def test_case_52_a_live_socket_is_refused_and_untouched(path: Path) -> None:
    with private_socket(path):
        found = path.stat().st_ino
        with pytest.raises(EngineRunning, match=str(path)), private_socket(path):
            pass
        assert path.stat().st_ino == found
        with sockets.socket(sockets.AF_UNIX) as visitor:
            visitor.connect(str(path))


def test_case_52_a_full_or_foreign_socket_is_not_taken_for_stale(path: Path) -> None:
    path.parent.mkdir()
    for kind in (sockets.SOCK_STREAM, sockets.SOCK_DGRAM):
        with sockets.socket(sockets.AF_UNIX, kind) as live, sockets.socket(sockets.AF_UNIX, kind) as one:
            live.bind(str(path))
            if kind is sockets.SOCK_STREAM:
                live.listen(0)
                one.connect(str(path))  # its queue is full
            with pytest.raises(EngineRunning), private_socket(path):
                pass
            assert path.exists()
            path.unlink()


@pytest.mark.parametrize("make", ["file", "folder", "link", "fifo"])
def test_case_52_what_is_no_socket_is_refused_and_untouched(make: str, path: Path) -> None:
    path.parent.mkdir()
    match make:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(path.parent / "elsewhere.sock")
        case "fifo":
            os.mkfifo(path)
    before = path.lstat()
    with pytest.raises(Conflict, match="not a socket") as caught, private_socket(path):
        pass
    assert not isinstance(caught.value, EngineRunning)
    assert path.lstat().st_ino == before.st_ino


def test_a_file_that_took_the_place_is_left_alone(path: Path) -> None:
    with private_socket(path):
        path.unlink()
        path.write_text("mine")
    assert path.read_text() == "mine"


def test_r99_many_starters_over_one_stale_socket_leave_one(path: Path) -> None:
    path.parent.mkdir()
    dead = sockets.socket(sockets.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    start, tried, outcomes = threading.Barrier(20), threading.Barrier(20), []

    def try_it() -> None:
        start.wait()
        try:
            with private_socket(path):
                outcomes.append("listens")
                tried.wait()
        except EngineRunning:
            outcomes.append("refused")
            tried.wait()

    threads = [threading.Thread(target=try_it) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["listens"] + ["refused"] * 19


def test_r99_nothing_is_judged_while_another_starter_is_at_it(path: Path) -> None:
    path.parent.mkdir()
    with sockets.socket(sockets.AF_UNIX) as fresh:
        fresh.bind(str(path))  # it does not listen yet: it looks as if it were stale
        folder = os.open(path.parent, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(EngineRunning, match="starting"), private_socket(path):
            pass
        assert path.is_socket()
        os.close(folder)
        with private_socket(path):
            pass


async def test_r116_another_user_cannot_reach_it(socket: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    code = f"""
import os, socket
os.setgroups([]); os.setgid(10001); os.setuid(10001)
socket.socket(socket.AF_UNIX).connect({str(socket)!r})
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True)
    assert "PermissionError" in done.stderr


async def test_long_paths_work_on_both_sides(stub: StubEngine, tmp_path: Path) -> None:
    for folder in ("a" * 60, "b" * 200, "ü" * 100):
        path = tmp_path / folder / "c" / "engine.sock"
        async with serve(stub, path):
            assert mode(path) == 0o600
            remote = await RemoteEngine.connect(f"unix:{path}")
            assert await remote.info() == await stub.info()
            with pytest.raises(EngineRunning):
                async with serve(stub, path):
                    pass
            await remote.close()
        assert not path.exists()
        with pytest.raises(EngineUnavailable):
            await RemoteEngine.connect(f"unix:{path}")


async def test_a_second_server_is_refused_before_anything_starts(stub: StubEngine, socket: Path) -> None:
    with pytest.raises(PilothouseError) as caught:
        async with serve(stub, socket):
            pass
    assert isinstance(caught.value, EngineRunning)
    assert stub.calls == []


def test_no_descriptor_is_left_behind(path: Path) -> None:
    path.parent.mkdir()
    before = descriptors()
    for _ in range(3):
        with private_socket(path), pytest.raises(EngineRunning), private_socket(path):
            pass
    path.write_text("")
    with pytest.raises(Conflict), private_socket(path):
        pass
    assert descriptors() <= before, "no other one; what a thread of an earlier test closes meanwhile is its own affair"


def descriptors() -> set[tuple[str, str]]:
    """The open ones of this process, each with what it is open on."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one the folder was read by
            found.add((link.name, str(link.readlink())))
    return found
