"""What tests of the Docker driver share: a driver of an engine of their own, and containers that are always removed."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from process_bench import Bench, open_bench

from engine.ids import Kind, SafeName, random_id, sandbox_name
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.driver import SandboxSpec
from engine.sandbox.image import DEFAULT_IMAGE
from engine.sandbox.process_confinement import Confinement

MakeSpec = Callable[..., SandboxSpec]
Start = Callable[..., Awaitable[SafeName]]


@pytest.fixture
def engine_id() -> str:
    return random_id(Kind.ENGINE)


@pytest.fixture
def paths(project: Path) -> ProjectPaths:
    paths = ProjectPaths(project)
    paths.create()
    return paths


@pytest.fixture
async def driver(docker_host: str, engine_id: str, paths: ProjectPaths) -> AsyncIterator[DockerDriver]:
    """A driver whose containers are removed afterwards."""
    driver = DockerDriver(docker_host, engine_id, paths)
    yield driver
    for sandbox in await driver.list_owned():
        await driver.remove(sandbox.name)
    await driver.close()


@pytest.fixture
def make_spec(engine_id: str, paths: ProjectPaths) -> MakeSpec:
    """A small sandbox of this engine running `sh -c COMMAND`; other fields by keyword."""

    def make(command: str = "true", image: str = DEFAULT_IMAGE, **fields: object) -> SandboxSpec:
        run = random_id(Kind.RUN)
        workspace = paths.run_work(run)
        workspace.mkdir()
        complete: dict[str, object] = {
            "name": sandbox_name(engine_id, run),
            "image": image,
            "argv": ("sh", "-c", command),
            "env": {},
            "memory": 64 * 1024**2,
            "cpus": 1.0,
            "pids": 64,
            "network": "none",
            "workspace": workspace,
            "labels": {"pilothouse.run": run, "pilothouse.role": "work"},
        }
        return SandboxSpec(**(complete | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def start(driver: DockerDriver, sandbox_image: str, make_spec: MakeSpec) -> Start:
    """Start `sh -c COMMAND` in a container of the default image; its name."""

    async def begin(command: str, **fields: object) -> SafeName:
        spec = make_spec(command, sandbox_image, **fields)
        await driver.prepare(spec.workspace)
        return (await driver.start(spec)).name

    return begin


@pytest.fixture(params=["as-the-machine-has-it", "without-namespaces"])
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The process driver with every confinement there is, and with none of the kernel's."""
    async with open_bench(tmp_path) as opened:
        if request.param == "without-namespaces":
            opened.driver._found = Confinement(uid=10001 if os.geteuid() == 0 else None)
        yield opened
