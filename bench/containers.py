"""Containers per second through the driver, logs captured, beside the plain Docker SDK with as many threads.

Both run the same hardened containers of `true`: create, start, wait, remove.
"""

import asyncio
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from docker import APIClient

from bench import Measured, report
from engine.ids import Kind, random_id, sandbox_name
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.docker_spec import checked_mounts, container_config
from engine.sandbox.driver import SandboxSpec
from engine.sandbox.image import build_image
from engine.sandbox.logs import RunLog, capture
from engine.settings import SandboxSettings

CONTAINERS = 16  # a round; short rounds in turn meet the same noise of the machine
PARALLEL = 8
ROUNDS = 6
HOST = SandboxSettings().docker_host


def main() -> None:
    image = asyncio.run(build_image(HOST, lambda line: None))
    with tempfile.TemporaryDirectory() as folder:
        paths = ProjectPaths(Path(folder))
        paths.create()
        asyncio.run(_ours(_specs(image, paths)[:1], paths))  # loads what is loaded at first use
        plain, ours = [], []
        for _ in range(ROUNDS):
            plain.append(_plain(_specs(image, paths), paths))
            ours.append(asyncio.run(_ours(_specs(image, paths), paths)))
    report(
        Measured(
            "container throughput", CONTAINERS / median(ours), "containers/s", CONTAINERS / median(plain),
            f"the plain SDK with {PARALLEL} threads", target_ratio=0.9,
        )
    )  # fmt: skip


def _specs(image: str, paths: ProjectPaths) -> list[SandboxSpec]:
    made = []
    for _ in range(CONTAINERS):
        run = random_id(Kind.RUN)
        paths.run_work(run).mkdir()
        made.append(
            SandboxSpec(
                name=sandbox_name("e-benchmarks", run), image=image, argv=("true",), env={}, memory=64 << 20, cpus=1.0,
                pids=64, network="none", workspace=paths.run_work(run), labels={"pilothouse.run": run},
            )
        )  # fmt: skip
    return made


def _plain(specs: list[SandboxSpec], paths: ProjectPaths) -> float:
    """Seconds for all of them, one client per thread."""
    own = threading.local()
    clients: list[APIClient] = []
    socket = HOST.removeprefix("unix://")

    def connect() -> None:
        own.client = APIClient(base_url=HOST, timeout=60)
        clients.append(own.client)

    def run(spec: SandboxSpec) -> None:
        config = container_config(spec, "e-benchmarks", checked_mounts(spec, paths, socket))
        container = own.client.create_container_from_config(config, spec.name)["Id"]
        own.client.start(container)
        assert own.client.wait(container)["StatusCode"] == 0
        own.client.remove_container(container, v=True)

    with ThreadPoolExecutor(PARALLEL, initializer=connect) as threads:
        began = time.perf_counter()
        list(threads.map(run, specs))
        seconds = time.perf_counter() - began
    for client in clients:
        client.close()
    return seconds


async def _ours(specs: list[SandboxSpec], paths: ProjectPaths) -> float:
    """Seconds for all of them, each with its log captured."""
    driver = DockerDriver(HOST, "e-benchmarks", paths)
    places = asyncio.Semaphore(PARALLEL)

    async def run(spec: SandboxSpec) -> None:
        async with places:
            await driver.start(spec)
            log = RunLog.open(paths.run_log(spec.labels["pilothouse.run"]), 64 << 20)
            _, ended = await asyncio.gather(capture(driver, spec.name, log), driver.wait(spec.name))
            log.seal()
            assert ended.code == 0
            await driver.remove(spec.name)

    began = time.perf_counter()
    await asyncio.gather(*(run(spec) for spec in specs))
    seconds = time.perf_counter() - began
    await driver.close()
    return seconds


if __name__ == "__main__":
    main()
