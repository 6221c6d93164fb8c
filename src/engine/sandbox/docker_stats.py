"""What a container uses, from one answer of the daemon."""

from collections.abc import Mapping
from typing import Any

from engine.errors import NotFound
from engine.ids import SafeName
from engine.sandbox.docker_calls import DaemonCalls
from engine.sandbox.driver import Stats

NANOSECONDS = 1e9


async def stats_of(calls: DaemonCalls, name: SafeName, container: str) -> Stats:
    """One measurement, without the second one the daemon would wait a second for."""
    found: Mapping[str, Any] = await calls.call(
        "measure a container",
        lambda c: c.stats(container, stream=False, one_shot=True),
    )
    return read_stats(name, found)


def read_stats(name: SafeName, found: Mapping[str, Any]) -> Stats:
    """CPU seconds, and memory without the page cache that the kernel takes back at will; NotFound when nothing runs."""
    used = (found.get("cpu_stats") or {}).get("cpu_usage", {}).get("total_usage")
    memory: Mapping[str, Any] = found.get("memory_stats") or {}
    if not used or "usage" not in memory:
        raise NotFound(f"{name} does not run")
    details = memory.get("stats") or {}
    cache = int(details.get("inactive_file", details.get("total_inactive_file", 0)))
    return Stats(int(used) / NANOSECONDS, max(0, int(memory["usage"]) - cache))
