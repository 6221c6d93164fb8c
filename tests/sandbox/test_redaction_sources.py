"""R56, case 44: what a real sandbox prints is cut before it is stored, by each driver."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from process_bench import LONG, Bench, open_bench

from engine.api import LogQuery
from engine.ids import SafeName
from engine.paths import ProjectPaths
from engine.redaction import Redactor
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.logs import RunLog, capture, read_page

SECRET = "correct/horse+battery"
ENV = {"API_TOKEN": SECRET}
# The second line comes in two writes, the last one in base64 without a line end of its own.
PRINT = 'echo "t=$API_TOKEN"; printf %s correct/ho; sleep 0.2; echo rse+battery >&1; printf %s "$ENCODED"'
MARK = "[redacted: API_TOKEN]"
SHOWN = [f"t={MARK}", MARK, MARK]


@pytest.fixture
async def bench(project: Path) -> AsyncIterator[Bench]:
    async with open_bench(project) as bench:
        yield bench


def environment() -> dict[str, str]:
    return ENV | {"ENCODED": base64.b64encode(SECRET.encode()).decode()}


async def test_r56_a_process_leaves_no_secret_in_its_output_files_nor_its_log(bench: Bench) -> None:
    name = await bench.start(PRINT, env=environment())
    log = RunLog.open(bench.paths.run_log("r-0123456789"), 64 * 1024**2, Redactor(ENV))
    async with asyncio.timeout(LONG):
        await bench.driver.wait(name)
        await capture(bench.driver, name, log)
    log.seal()
    assert [line.text for line in read_page(log.folder, "r", LogQuery()).lines] == SHOWN
    kept = [file for file in bench.paths.sandboxes.rglob("lines-*") if file.is_file()]
    assert kept
    for file in (*kept, *log.folder.iterdir()):
        assert SECRET.encode() not in file.read_bytes(), file


@pytest.mark.docker
async def test_r56_a_container_leaves_no_secret_in_its_log(
    driver: DockerDriver, start: Callable[..., Awaitable[SafeName]], paths: ProjectPaths
) -> None:
    name = await start(PRINT, env=environment())
    log = RunLog.open(paths.run_log("r-0123456789"), 64 * 1024**2, Redactor(ENV))
    await asyncio.wait_for(capture(driver, name, log), 30)
    log.seal()
    assert [line.text for line in read_page(log.folder, "r", LogQuery()).lines] == SHOWN
    assert all(SECRET.encode() not in file.read_bytes() for file in log.folder.iterdir())
