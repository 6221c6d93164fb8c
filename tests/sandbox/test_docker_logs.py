"""Logs of real containers: every line, once, in order, also after they are gone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from engine.api import LogPage, LogQuery
from engine.errors import NotFound
from engine.ids import SafeName
from engine.model import Stream
from engine.paths import ProjectPaths
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.driver import Chunk
from engine.sandbox.logs import RunLog, capture, read_page

pytestmark = pytest.mark.docker
Start = Callable[..., Awaitable[SafeName]]
LIMIT = 64 * 1024**2


@pytest.fixture
def log(paths: ProjectPaths) -> RunLog:
    return RunLog.open(paths.run_log("r-0123456789"), LIMIT)


def page(log: RunLog, **query: object) -> LogPage:
    return read_page(log.folder, "r-0123456789", LogQuery.model_validate({"limit": 50_000} | query))


def texts(log: RunLog, **query: object) -> list[str]:
    return [line.text for line in page(log, **query).lines]


async def test_r53_both_streams_are_stored_line_by_line_in_their_order(
    driver: DockerDriver, start: Start, log: RunLog
) -> None:
    name = await start("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf '\\n  end\\t\\n'")
    await capture(driver, name, log)
    assert texts(log, stream="out") == ["out 1", "out 2", "out 3", "out 4", "out 5", "", "  end\t"]
    assert texts(log, stream="err") == ["err 1", "err 2", "err 3", "err 4", "err 5"]
    assert [line.n for line in page(log).lines] == list(range(12))
    times = [line.at for line in page(log, stream="out").lines]
    assert times == sorted(times)
    assert times[0].tzinfo is not None


async def test_r53_the_log_is_complete_however_fast_the_container_ends(driver: DockerDriver, start: Start) -> None:
    names = [await start("i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo $i; done; printf last") for _ in range(4)]
    for name in names:
        chunks = [chunk async for chunk in driver.logs(name, None)]
        assert b"".join(chunk.data for chunk in chunks) == b"".join(b"%d\n" % n for n in range(1, 51)) + b"last\n"


async def test_following_brings_a_line_while_the_container_runs(
    driver: DockerDriver, start: Start, log: RunLog
) -> None:
    name = await start("echo ready; cat /workspace/go 2>/dev/null; sleep 60")
    following = asyncio.create_task(capture(driver, name, log))
    await asyncio.wait_for(log.grown(0), 10)
    assert texts(log) == ["ready"]
    assert not following.done()
    await driver.kill(name)
    await asyncio.wait_for(following, 10)


async def test_r53_a_capture_that_was_cut_off_goes_on_without_loss_or_duplicate(
    driver: DockerDriver, start: Start, log: RunLog
) -> None:
    name = await start("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; echo e$i >&2; done; sleep 0.2; echo end")
    for cuts in range(1, 6):
        cut = asyncio.create_task(capture(driver, name, log))
        await asyncio.wait_for(log.grown(cuts * 500), 20)
        cut.cancel()
        with suppress(asyncio.CancelledError):
            await cut
        log.close()
        log = RunLog.open(log.folder, LIMIT)
    await asyncio.wait_for(capture(driver, name, log), 20)
    assert texts(log, stream="out") == [*(str(n) for n in range(1, 3001)), "end"]
    assert texts(log, stream="err") == [f"e{n}" for n in range(1, 3001)]
    assert log.gaps == 0


async def test_resume_after_a_time_brings_what_came_later(driver: DockerDriver, start: Start) -> None:
    name = await start("for i in 1 2 3 4 5 6; do echo $i; done")
    await driver.wait(name)
    chunks = [chunk async for chunk in driver.logs(name, None)]
    for at, chunk in enumerate(chunks):
        later = [found async for found in driver.logs(name, chunk.at)]
        assert later == chunks[at + 1 :]


async def test_case_47_a_line_of_40_000_bytes_with_nul_and_torn_utf8_is_one_line(
    driver: DockerDriver, start: Start, log: RunLog
) -> None:
    code = "import sys; sys.stdout.buffer.write(b'x' * 16383 + b'\\xc3\\xa9' + b'y' * 24000 + b'\\0\\n\\xff end')"
    name = await start(f'exec python3 -c "{code}"')
    await capture(driver, name, log)
    long, last = texts(log)
    assert long.startswith("x" * 16383)
    assert long.endswith("y" * 24000 + "\0")
    assert last == "\ufffd end"


async def test_r55_a_10_mb_line_is_cut_and_what_follows_is_there(
    driver: DockerDriver, start: Start, log: RunLog
) -> None:
    name = await start("head -c 10000000 /dev/zero | tr '\\0' z; echo; echo after", memory=128 << 20)
    await asyncio.wait_for(capture(driver, name, log), 30)
    cut, after = texts(log)
    assert cut.endswith(f" … [{10_000_000 - 1024**2} bytes cut]")
    assert after == "after"


async def test_r53_a_flood_is_stored_whole(driver: DockerDriver, start: Start, log: RunLog) -> None:
    name = await start("exec seq 120000")
    await asyncio.wait_for(capture(driver, name, log), 60)
    assert (log.total, log.gaps, log.missing) == (120_000, 0, 0)
    assert texts(log, tail=2) == ["119999", "120000"]
    assert texts(log, after=77_776, limit=1) == ["77778"]


async def test_r54_a_log_is_read_after_its_container_is_gone(driver: DockerDriver, start: Start, log: RunLog) -> None:
    name = await start("echo kept; echo failed >&2; exit 3")
    await asyncio.gather(capture(driver, name, log), driver.wait(name))
    log.seal()
    await driver.remove(name)
    assert sorted(texts(log)) == ["failed", "kept"]
    assert page(log).ended
    assert sorted(RunLog.open(log.folder, LIMIT).tail(5)) == ["failed", "kept"]


async def test_r53_a_container_that_vanished_leaves_a_marker(driver: DockerDriver, start: Start, log: RunLog) -> None:
    name = await start("echo before; sleep 60")
    following = asyncio.create_task(capture(driver, name, log))
    await asyncio.wait_for(log.grown(0), 10)
    await driver.remove(name)
    await asyncio.wait_for(following, 10)
    assert [line.stream for line in page(log).lines] == [Stream.OUT, Stream.GAP]
    assert log.gaps == 1


async def test_one_container_cannot_write_into_anothers_log(
    driver: DockerDriver, start: Start, paths: ProjectPaths
) -> None:
    names = [await start(f"echo 'g2026-03-01T12:00:00.000000000Z forged'; echo {n}; sleep 0.1; echo {n}") for n in "ab"]
    logs = [RunLog.open(paths.run_log(f"r-{n}"), LIMIT) for n in "ab"]
    await asyncio.gather(*(capture(driver, name, log) for name, log in zip(names, logs, strict=True)))
    for log, mine in zip(logs, "ab", strict=True):
        assert texts(log) == ["g2026-03-01T12:00:00.000000000Z forged", mine, mine]
        assert {line.stream for line in page(log).lines} == {Stream.OUT}


async def test_a_driver_without_stored_lines_is_captured_by_chunks(log: RunLog) -> None:
    class Chunks:
        async def logs(self, name: SafeName, after: int | None) -> object:
            assert after is None
            yield Chunk(Stream.OUT, 1_772_366_400_000_000_000, b"one\ntw")
            yield Chunk(Stream.ERR, 1_772_366_400_000_000_001, b"err\n")
            yield Chunk(Stream.OUT, 1_772_366_400_000_000_002, b"o\nthree")

    await capture(Chunks(), SafeName("x"), log)  # type: ignore[arg-type]  # all that capture uses of a driver
    assert texts(log) == ["one", "err", "two", "three"]


async def test_logs_of_nothing_end_with_a_marker(driver: DockerDriver, log: RunLog) -> None:
    await asyncio.wait_for(capture(driver, SafeName("ph-nothing0-r-0123456789"), log), 10)
    assert [line.stream for line in page(log).lines] == [Stream.GAP]
    with pytest.raises(NotFound):
        await driver.exec(SafeName("ph-nothing0-r-0123456789"), ["true"])
