"""A daemon that goes away and comes back, seen through a relay that can be cut: nothing is lost, nothing told twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.api import LogQuery
from engine.errors import DaemonUnavailable
from engine.ids import SafeName
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.logs import RunLog, capture, read_page

pytestmark = pytest.mark.docker
Start = Callable[..., Awaitable[SafeName]]


class Relay:
    """A Unix socket in front of the daemon's. `cut` ends every connection and refuses new ones; `mend` lets them in."""

    def __init__(self, path: Path, target: str) -> None:
        self.path = path
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self._target)
        self._writers |= {writer, forth}
        try:
            await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))
        except OSError:
            return
        finally:
            for end in (writer, forth):
                end.transport.abort()
                self._writers.discard(end)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


@pytest.fixture
async def relay(paths: ProjectPaths, docker_host: str) -> AsyncIterator[Relay]:
    relay = Relay(paths.state / "relay.sock", docker_host.removeprefix("unix://"))
    await relay.mend()
    yield relay
    await relay.cut()


@pytest.fixture
async def far(relay: Relay, driver: DockerDriver, engine_id: str, paths: ProjectPaths) -> AsyncIterator[DockerDriver]:
    """The same engine's driver, behind the relay."""
    far = DockerDriver(f"unix://{relay.path}", engine_id, paths)
    yield far
    await far.close()


async def test_r53_a_daemon_that_dies_under_a_reader_costs_no_line_and_tells_none_twice(
    relay: Relay, far: DockerDriver, start: Start, paths: ProjectPaths
) -> None:
    name = await start("i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo $i; done; sleep 1; echo end; exit 6")
    log = RunLog.open(paths.run_log("r-0123456789"), 64 << 20)
    following = asyncio.create_task(capture(far, name, log))
    waiting = asyncio.create_task(far.wait(name))
    for lines in (1, 1500, 4000):
        await asyncio.wait_for(log.grown(lines - 1), 20)
        await relay.cut()
        await asyncio.sleep(0.05)
        await relay.mend()
    ended = await asyncio.wait_for(waiting, 20)
    await asyncio.wait_for(following, 20)
    texts = [line.text for line in read_page(log.folder, "r", LogQuery(limit=50_000)).lines]
    assert texts == [*(str(n) for n in range(1, 4001)), "end"]
    assert (ended.code, ended.lost, log.gaps) == (6, False, 0)


async def test_r42_an_end_while_the_daemon_is_away_is_told_when_it_is_back(
    relay: Relay, far: DockerDriver, driver: DockerDriver, start: Start, paths: ProjectPaths
) -> None:
    name = await start("until [ -e /workspace/go ]; do sleep 0.02; done; exit 9")
    waiting = asyncio.create_task(far.wait(name))
    await far.list_owned()
    await relay.cut()
    with pytest.raises(DaemonUnavailable):
        await far.list_owned()
    (paths.run_work(name.split("-", 2)[2]) / "go").touch()
    assert (await asyncio.wait_for(driver.wait(name), 20)).code == 9  # whoever has a daemon sees that it has ended
    assert not waiting.done()
    await relay.mend()
    assert (await asyncio.wait_for(waiting, 20)).code == 9


@pytest.mark.alone
async def test_r44_single_calls_work_again_at_once_when_the_daemon_is_back(
    relay: Relay, far: DockerDriver, start: Start
) -> None:
    name = await start("sleep 60")
    for _ in range(3):
        assert [sandbox.name for sandbox in await far.list_owned()] == [name]
        await relay.cut()
        began = time.monotonic()
        with pytest.raises(DaemonUnavailable):
            await far.list_owned()
        assert time.monotonic() - began < 1
        await relay.mend()
