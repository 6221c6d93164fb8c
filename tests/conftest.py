"""What every test may use: docker marker, sandbox image, project folder, clean interpreter, guarded event loop."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from asyncio.events import Handle
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from engine.collector import leave_alone_what_is_loaded

FIRST = ("faults", "e2e", "cli", "dispatch")  # files of few tests that wait long: begun last, they would end last
BLOCKED = 0.25  # seconds one callback may hold the loop: about what a person feels as a stall
REQUIRE_DOCKER = "PILOTHOUSE_REQUIRE_DOCKER"
DEFAULT_HOST = "unix:///var/run/docker.sock"

_stalls: list[str] = []
_of_thread = threading.local()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_blocking(reason): this test may hold the event loop, and says why")
    for name in [name for name in os.environ if name.startswith("PILOTHOUSE_") and name != REQUIRE_DOCKER]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the program is started hundreds of times: compiled once is enough
    os.environ["XDG_CONFIG_HOME"] = "/nonexistent/pilothouse-tests"  # the developer's own settings stay out
    Handle._run = _timed(Handle._run)  # type: ignore[assignment, method-assign]  # typeshed hides it
    _draw_at_leisure()


def _draw_at_leisure() -> None:
    """Hypothesis measures by the clock on the wall how long examples take: a busy machine is no failure."""
    from hypothesis import HealthCheck, settings

    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


def _timed(run: Callable[[Handle], None]) -> Callable[[Handle], None]:
    """Handle._run that notes a callback which held its loop too long.

    Time the thread spent runnable but without a core is subtracted: a busy machine is no fault of the code.
    A callback that loaded modules is let off: that happens once per process, before there is anything to show.
    """

    def timed(handle: Handle) -> None:
        modules, delay, start = len(sys.modules), _run_delay(), time.perf_counter()
        run(handle)
        held = time.perf_counter() - start
        if held > BLOCKED and held - (_run_delay() - delay) > BLOCKED and len(sys.modules) == modules:
            _stalls.append(f"{held * 1000:.0f} ms in {handle!r}")

    return timed


class _Schedstat:
    """The open file in which the kernel tells how long a thread waited for a core; it is closed with its thread."""

    def __init__(self) -> None:
        self._file = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def seconds_waited(self) -> float:
        return int(os.pread(self._file, 100, 0).split()[1]) / 1e9


def _run_delay() -> float:
    """Seconds the calling thread has waited for a core so far; 0 where the kernel does not tell."""
    if not hasattr(_of_thread, "schedstat"):  # the number of a thread that ended is given again: no key for a cache
        try:
            _of_thread.schedstat = _Schedstat()
        except OSError:
            _of_thread.schedstat = None
    return 0.0 if _of_thread.schedstat is None else _of_thread.schedstat.seconds_waited()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(folder) if (folder := item.path.parent.name) in FIRST else len(FIRST))


def pytest_collection_finish() -> None:
    """Thousands of collected tests live as long as the process, and to look through them takes as long as BLOCKED."""
    gc.collect()
    leave_alone_what_is_loaded()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # pytest then collects all that is left, and what was never closed fails


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _stalls.clear()
    if item.get_closest_marker("docker") is not None:
        _require_docker()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    yield
    if _stalls and item.get_closest_marker("allow_blocking") is None:
        pytest.fail("the event loop was held: " + "; ".join(_stalls), pytrace=False)


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """What the tests of a file left behind is collected when the last one has ended: in no test of another file."""
    yield
    gc.collect()
    gc.freeze()


@cache
def _daemon_problem() -> str | None:
    """Why no Docker daemon can be used here, or None when one can."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(base_url=os.environ.get("DOCKER_HOST", DEFAULT_HOST), timeout=5)
    except DockerException as error:
        return str(error)
    try:
        client.ping()
    except (DockerException, OSError) as error:
        return str(error)
    finally:
        client.close()
    return None


def _require_docker() -> None:
    problem = _daemon_problem()
    if problem is None:
        return
    if os.environ.get(REQUIRE_DOCKER) == "1":
        pytest.fail(f"{REQUIRE_DOCKER}=1 and no Docker daemon answers: {problem}", pytrace=False)
    pytest.skip(f"no Docker daemon answers: {problem}")


@pytest.fixture(scope="session")
def docker_host() -> str:
    """The address of a daemon that answers; skips or fails like the marker when there is none."""
    _require_docker()
    return os.environ.get("DOCKER_HOST", DEFAULT_HOST)


@pytest.fixture(scope="session")
def sandbox_image(docker_host: str) -> str:
    """The tag of the default sandbox image, built at most once per machine."""
    from engine.errors import ImageNotFound
    from engine.sandbox.image import DEFAULT_IMAGE, build_image, check_image

    async def ensure() -> str:
        try:
            await check_image(docker_host)
        except ImageNotFound:
            await build_image(docker_host, lambda line: None)
        return DEFAULT_IMAGE

    with ThreadPoolExecutor(1) as aside:  # a loop of its own, whatever loop the tests have
        return aside.submit(asyncio.run, ensure()).result()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project folder; `.pilothouse/` is not made yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter; its stdout without the last newline. Its stderr is shown when it fails."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
