"""What every test may use: docker marker, sandbox image, project folder, clean interpreter, guarded event loop."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from asyncio.events import Handle
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

FIRST = ("faults", "e2e", "cli", "dispatch")  # files of few tests that wait long: begun last, they would end last
BLOCKED = 0.25  # seconds one callback may hold the loop: about what a person feels as a stall
REQUIRE_DOCKER = "PILOTHOUSE_REQUIRE_DOCKER"
DEFAULT_HOST = "unix:///var/run/docker.sock"

_stalls: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "allow_blocking(reason): this test may hold the event loop, and says why")
    for name in [name for name in os.environ if name.startswith("PILOTHOUSE_") and name != REQUIRE_DOCKER]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the program is started hundreds of times: compiled once is enough
    os.environ["XDG_CONFIG_HOME"] = "/nonexistent/pilothouse-tests"  # the developer's own settings stay out
    Handle._run = _timed(Handle._run)  # type: ignore[assignment, method-assign]  # typeshed hides it


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


@cache
def _schedstat(thread: int) -> int | None:
    """An open file that tells how long this thread waited for a core; None where the kernel does not tell."""
    try:
        return os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _run_delay() -> float:
    """Seconds the calling thread has waited for a core so far."""
    file = _schedstat(threading.get_native_id())
    return 0.0 if file is None else int(os.pread(file, 100, 0).split()[1]) / 1e9


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(folder) if (folder := item.path.parent.name) in FIRST else len(FIRST))


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
