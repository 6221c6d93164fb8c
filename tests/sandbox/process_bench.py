"""A project with a process driver for tests; everything it started is gone afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.ids import Kind, SafeName, random_id, sandbox_name
from engine.model import Stream
from engine.paths import ProjectPaths
from engine.sandbox.driver import Exit, SandboxSpec
from engine.sandbox.process_driver import ProcessDriver

LONG = 20.0  # seconds nothing here needs


@dataclass
class Bench:
    paths: ProjectPaths
    engine: str
    driver: ProcessDriver
    folders: list[Path] = field(default_factory=list)

    async def spec(self, command: str, **changes: object) -> SandboxSpec:
        """A shell command in a work folder of its own."""
        run = random_id(Kind.RUN)
        workspace = self.driver.work_folder(run)
        workspace.mkdir(parents=True)
        self.folders.append(workspace)
        await self.driver.prepare(workspace)
        values: dict[str, object] = {
            "name": sandbox_name(self.engine, run),
            "image": "host",
            "argv": ("sh", "-c", command),
            "env": {},
            "memory": 512 * 1024**2,
            "cpus": 1.0,
            "pids": 256,
            "network": "none",
            "workspace": workspace,
            **changes,
        }
        return SandboxSpec(**values)  # type: ignore[arg-type]

    async def start(self, command: str, **changes: object) -> SafeName:
        spec = await self.spec(command, **changes)
        assert not (await self.driver.start(spec)).adopted
        return spec.name

    async def run(self, command: str, **changes: object) -> tuple[Exit, str]:
        """How a command ended and what it wrote to stdout."""
        name = await self.start(command, **changes)
        async with asyncio.timeout(LONG):
            return await self.driver.wait(name), await self.output(name)

    async def output(self, name: SafeName, stream: Stream = Stream.OUT) -> str:
        data = b"".join([chunk.data async for chunk in self.driver.logs(name, None) if chunk.stream is stream])
        return data.decode(errors="replace")

    async def first_line(self, name: SafeName) -> str:
        async with asyncio.timeout(LONG):
            async for chunk in self.driver.logs(name, None):
                return chunk.data.decode().rstrip("\n")
        raise AssertionError("it printed nothing")


@asynccontextmanager
async def open_bench(root: Path) -> AsyncIterator[Bench]:
    paths = ProjectPaths(root)
    paths.create()
    engine = random_id(Kind.ENGINE)
    bench = Bench(paths, engine, ProcessDriver(engine, paths))
    try:
        yield bench
    finally:
        for sandbox in await bench.driver.list_owned():
            await bench.driver.remove(sandbox.name)
        for folder in bench.folders:
            shutil.rmtree(folder, ignore_errors=True)
        await bench.driver.close()
