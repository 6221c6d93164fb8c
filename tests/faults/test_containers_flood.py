"""Four containers that print as fast as they can (case 35): bounded memory, true gaps, and an engine that answers."""

import asyncio
import re

import psutil
import pytest
from container_engine import ContainerEngine, OpenEngine
from private_daemon import PrivateDaemon

from engine.api import LogQuery
from engine.events import EventType

pytestmark = pytest.mark.docker

LINES = 150_000  # some 18 MB of what the daemon keeps 30 MB of: it drops nothing itself
FLOOD = f"yes 'a line of output, as long as many of them are' | head -n {LINES}; sleep 1"
GAP = re.compile(r"([\d,]+) lines are missing")
GROWTH = 100 * 1024**2  # bytes


async def stored_and_missing(bench: ContainerEngine, task: str) -> tuple[int, int]:
    """Lines of the sandbox that are kept, and those its gap markers count."""
    kept = missing = 0
    after = -1
    while True:
        page = await bench.engine.logs(task, LogQuery(after=after, limit=50_000))
        for line in page.lines:
            found = GAP.search(line.text) if line.stream == "gap" else None
            missing += int(found[1].replace(",", "")) if found else 0
            kept += line.stream in ("out", "err")
        if page.reached is None or not page.lines:
            return kept, missing
        after = page.lines[-1].n


@pytest.mark.alone
async def test_case_35_r53_floods_are_bounded_counted_and_delay_no_answer(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, sandbox={"log_limit": "256k"})
    warm = await bench.goal({"warm": "echo up"})
    await bench.until_type(EventType.GOAL_ENDED)
    assert await bench.lines(f"{warm}/warm") == ["up"]
    before = psutil.Process().memory_info().rss
    names = [f"flood{n}" for n in range(4)]
    goal = await bench.goal(dict.fromkeys(names, FLOOD))
    ended = asyncio.create_task(bench.until_type(EventType.GOAL_ENDED, times=2))
    slowest = await bench.slowest_answer(goal, ended)
    assert psutil.Process().memory_info().rss - before < GROWTH
    assert slowest < 1
    for name in names:
        kept, missing = await stored_and_missing(bench, f"{goal}/{name}")
        assert missing > 0, "the log has a bound, and this is more"
        assert kept + missing == LINES, name
