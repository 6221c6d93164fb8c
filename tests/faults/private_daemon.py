"""A Docker daemon of our own that may be killed, frozen and started again without harm to the machine's."""

import asyncio
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
from docker import APIClient

from engine.sandbox.image import build_image

PATIENCE = 30.0  # seconds until a daemon that does not come up, or does not end, counts as broken
PARTS = ("dockerd", "containerd", "unshare", "nsenter")
# It ends with whoever holds the other end of its stdin; until then the shell reaps what has lost its parent.
FIRST_PROCESS = "ip link set lo up 2>/dev/null; cat; exit"
CONTAINERD = """
version = 2
root = "{folder}/cr"
state = "{folder}/cs"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/c.sock"
[debug]
address = "{folder}/g.sock"
"""


class PrivateDaemon:
    """containerd and dockerd in namespaces of their own (HARDENING fact 13): no network, and all of it, containers too,
    ends with one process.

    The folder is short, as a socket's path may have 107 bytes at most.
    """

    def __init__(self, folder: Path, storage: str) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/d.sock"
        self.cgroup = f"ph-{folder.name}"
        self._storage = storage
        self._log: IO[bytes] = (folder / "log").open("ab")
        self._holder = self._spawn(
            "unshare", "-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
            "sh", "-c", FIRST_PROCESS, stdin=subprocess.PIPE,
        )  # fmt: skip
        self._first = self._child(self._holder)
        self._until(lambda: self._first.name() == "sh")  # from here on its namespaces are as they should be
        (folder / "c.toml").write_text(CONTAINERD.format(folder=folder))
        (folder / "d.json").write_text("{}")  # not the machine's own, whose settings would clash with ours
        self._dockerd: psutil.Process | None = None
        self._entered: list[subprocess.Popen[bytes]] = []
        self._enter("containerd", "--config", str(folder / "c.toml"))
        self._until(lambda: (folder / "c.sock").exists())

    def start(self, *, live_restore: bool = False) -> None:
        """Start dockerd; returns when it answers. `live_restore`: containers outlast a daemon that dies."""
        flags = ["--live-restore"] if live_restore else []
        entered = self._enter(
            "dockerd", "--config-file", f"{self.folder}/d.json", "--containerd", f"{self.folder}/c.sock",
            "--data-root", f"{self.folder}/d", "--exec-root", f"{self.folder}/x", "--pidfile", f"{self.folder}/pid",
            "--host", self.host, "--bridge=none", "--iptables=false", "--ip6tables=false",
            f"--storage-driver={self._storage}", "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent=/{self.cgroup}", *flags,
        )  # fmt: skip
        self._dockerd = self._child(entered)
        self._until(lambda: self.answers() or entered.poll() is not None)
        assert entered.poll() is None, self.words()

    def answers(self) -> bool:
        """Whether it answers within a second."""
        connection = http.client.HTTPConnection("docker", timeout=1)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(1)
        try:
            connection.sock.connect(self.host.removeprefix("unix://"))
            connection.request("GET", "/_ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. Containers and containerd stay."""
        assert self._dockerd is not None
        self._dockerd.kill()
        self._entered[-1].wait(PATIENCE)
        self._dockerd = None

    def stop(self) -> None:
        """SIGTERM; returns when it is gone. It ends its containers first."""
        assert self._dockerd is not None
        self._dockerd.terminate()
        self._entered[-1].wait(PATIENCE)
        self._dockerd = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP: it accepts connections, answers nothing and ends nothing."""
        assert self._dockerd is not None
        self._dockerd.suspend()
        try:
            yield
        finally:
            self._dockerd.resume()
            self._entered[-1].send_signal(signal.SIGCONT)  # nsenter stops with what it has started

    def ensure(self) -> None:
        """Up and answering, whatever the test before has done to it."""
        if self._dockerd is None:
            self.start()

    def containers(self, **filters: str) -> list[dict[str, Any]]:
        """What it lists, ended ones too; `label="key=value"` picks."""
        with self.client() as client:
            return list(client.containers(all=True, filters=filters))

    def networks(self) -> list[str]:
        """The ids of its networks."""
        with self.client() as client:
            return sorted(row["Id"] for row in client.networks())

    @contextmanager
    def client(self) -> Iterator[APIClient]:
        """A plain client of it, as a stranger to our engine has one."""
        client = APIClient(base_url=self.host, timeout=30)
        try:
            yield client
        finally:
            client.close()

    async def emptied(self) -> None:
        """Return once it lists no container; one that is left for good fails."""
        async with asyncio.timeout(PATIENCE):
            while await asyncio.to_thread(self.containers):  # noqa: ASYNC110  # a daemon has no event of ours
                await asyncio.sleep(0.05)

    def sweep(self) -> None:
        """Remove every container."""
        with self.client() as client:
            for row in client.containers(all=True):
                client.remove_container(row["Id"], force=True, v=True)

    def words(self) -> str:
        """The end of what it has said, for a failure's message."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def close(self) -> None:
        """End every process in its namespaces and remove what it left on the machine."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        for inside in self._entered:
            inside.kill()  # one that is stopped would never see the end of what it started
            inside.wait(PATIENCE)
        self._holder.wait(PATIENCE)
        self._log.close()
        for controller in Path("/sys/fs/cgroup").glob(f"**/{self.cgroup}"):
            for group in sorted((controller, *controller.glob("**/*/")), reverse=True):
                _remove_group(group)
        shutil.rmtree(self.folder)

    def _spawn(self, *argv: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(argv, stdin=stdin, stdout=self._log, stderr=self._log, start_new_session=True)

    def _enter(self, *argv: str) -> "subprocess.Popen[bytes]":
        inside = self._spawn("nsenter", "-t", str(self._first.pid), "-n", "-m", "-p", *argv)
        self._entered.append(inside)
        return inside

    def _child(self, parent: "subprocess.Popen[bytes]") -> psutil.Process:
        found: list[psutil.Process] = []

        def born() -> bool:
            found.extend(psutil.Process(parent.pid).children())
            return bool(found)

        self._until(born)
        return found[0]

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.02)


def _remove_group(group: Path) -> None:
    """Remove a control group whose processes are ending."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            assert time.monotonic() < deadline, f"{group} is still in use"
            time.sleep(0.02)
        else:
            return


def _why_not() -> str | None:
    """Why this machine lets nobody start a daemon of their own, or None."""
    if os.getuid() != 0:
        return "a daemon of one's own takes root"
    missing = [part for part in PARTS if shutil.which(part) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "-n", "-m", "-p", "--fork", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no namespaces of one's own here: {tried.stderr.strip()}"


def _opened() -> PrivateDaemon:
    """A daemon that answers; on plain copies where its layers cannot be stacked."""
    daemon = PrivateDaemon(Path(tempfile.mkdtemp(prefix="ph", dir="/tmp")), "overlay2")
    try:
        daemon.start()
    except AssertionError:
        daemon.close()
        daemon = PrivateDaemon(Path(tempfile.mkdtemp(prefix="ph", dir="/tmp")), "vfs")
        try:
            daemon.start()
        except AssertionError as error:
            daemon.close()
            if os.environ.get("PILOTHOUSE_REQUIRE_DOCKER") != "1":
                pytest.skip(f"a daemon of one's own does not start here: {error}")
            raise
    return daemon


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[PrivateDaemon]:
    """One for all tests, with the default image in it; `private_daemon` is what a test asks for."""
    problem = _why_not()
    if problem is not None:
        pytest.skip(problem)
    daemon = _opened()
    try:
        with ThreadPoolExecutor(1) as aside:  # a loop of its own, whatever loop the tests have
            aside.submit(asyncio.run, build_image(daemon.host, lambda line: None)).result()
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def private_daemon(shared_daemon: PrivateDaemon) -> Iterator[PrivateDaemon]:
    """A daemon that may be killed and frozen. It answers at the start; afterwards it holds no container."""
    shared_daemon.ensure()
    yield shared_daemon
    shared_daemon.ensure()
    shared_daemon.sweep()
