"""Lines per second from a container into its log files, beside `docker logs` writing the same lines to /dev/null.

The second figure is what httpx alone does with the same stream, its frames thrown away: the reason for
docs/design/0002-log-stream.md.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from bench import Measured, report
from engine.ids import Kind, SafeName, random_id, sandbox_name
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.driver import SandboxSpec
from engine.sandbox.image import build_image
from engine.sandbox.logs import RunLog, capture
from engine.settings import SandboxSettings

LINES = 150_000  # some 25 MB in the daemon's files, which keep 30 MB
LINE = "line of some output text 0123456789 abcdefghij klmnop"
ROUNDS = 4
LIMIT = 64 * 1024**2


def main() -> None:
    report(*asyncio.run(_measure()))


async def _measure() -> list[Measured]:
    host = SandboxSettings().docker_host
    image = await build_image(host, lambda line: None)
    with tempfile.TemporaryDirectory() as folder:
        paths = ProjectPaths(Path(folder))
        paths.create()
        engine = random_id(Kind.ENGINE)
        driver = DockerDriver(host, engine, paths)
        name = await _flooded(driver, engine, image, paths)
        try:
            ours, command, httpx = await _rounds(driver, name, host, paths)
        finally:
            await driver.remove(name)
            await driver.close()
    return [
        Measured("log capture", LINES / ours, "lines/s", LINES / command, "`docker logs`", target_ratio=0.8),
        Measured("the same stream through httpx", LINES / httpx, "lines/s", LINES / command, "`docker logs`"),
    ]


async def _flooded(driver: DockerDriver, engine: str, image: str, paths: ProjectPaths) -> SafeName:
    """A container that has printed its lines and ended."""
    run = random_id(Kind.RUN)
    paths.run_work(run).mkdir()
    argv = ("sh", "-c", f"yes '{LINE}' | head -n {LINES}")
    spec = SandboxSpec(
        name=sandbox_name(engine, run), image=image, argv=argv, env={}, memory=64 << 20, cpus=2.0, pids=64,
        network="none", workspace=paths.run_work(run), labels={"pilothouse.run": run},
    )  # fmt: skip
    await driver.start(spec)
    await driver.wait(spec.name)
    return spec.name


async def _rounds(driver: DockerDriver, name: SafeName, host: str, paths: ProjectPaths) -> tuple[float, float, float]:
    """The best time of each, in seconds; they take turns so that a busy machine is as hard on one as on the other."""
    best = [60.0, 60.0, 60.0]
    readers: list[Callable[[], Coroutine[None, None, int]]] = [
        lambda: _capture(driver, name, paths),
        lambda: asyncio.to_thread(_command, name, host),
        lambda: _httpx(name, host.removeprefix("unix://")),
    ]
    for _ in range(ROUNDS):
        for place, read in enumerate(readers):
            began = time.perf_counter()
            count = await read()
            best[place] = min(best[place], time.perf_counter() - began)
            assert count == LINES, f"{count} lines of {LINES}"
    return best[0], best[1], best[2]


async def _capture(driver: DockerDriver, name: SafeName, paths: ProjectPaths) -> int:
    folder = paths.run_log("r-0123456789")
    shutil.rmtree(folder, ignore_errors=True)
    log = RunLog.open(folder, LIMIT)
    await capture(driver, name, log)
    log.seal()
    return log.total - log.gaps


def _command(name: SafeName, host: str) -> int:
    subprocess.run(["docker", "-H", host, "logs", name], stdout=subprocess.DEVNULL, check=True)
    return LINES


async def _httpx(name: SafeName, path: str) -> int:
    import httpx

    frames = 0
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://docker", timeout=None, trust_env=False) as client,
        client.stream("GET", f"/containers/{name}/logs?follow=1&stdout=1&stderr=1&timestamps=1") as answer,
    ):
        async for _ in answer.aiter_raw():  # the daemon sends each frame as a chunk of its own
            frames += 1
    return frames


if __name__ == "__main__":
    main()
