"""A daemon that takes all its containers with it: one event, no task's retries, and everything goes on (R36)."""

import asyncio
from collections import Counter

import pytest
from container_engine import OpenEngine
from private_daemon import PrivateDaemon

from engine.events import EventType
from engine.model import BreakerState, DecisionKind, GoalState

pytestmark = pytest.mark.docker

NAMES = tuple(f"t{n}" for n in range(8))
COMMAND = "[ $PILOTHOUSE_RUN_N = 1 ] || exit 0; echo up; exec sleep 600"


async def test_r36_a_daemon_killed_under_eight_runs_is_one_event_and_heals_by_itself(
    private_daemon: PrivateDaemon, open_engine: OpenEngine
) -> None:
    bench = await open_engine(private_daemon.host, max_parallel=8, retry_backoff=1, breaker_backoff=2)
    goal = await bench.goal(dict.fromkeys(NAMES, COMMAND))
    await bench.printed(goal, *NAMES)
    await asyncio.to_thread(private_daemon.kill)
    await asyncio.to_thread(private_daemon.start)  # which ends what it finds
    (opened,) = await bench.until(lambda event: event.data.get("breaker") == BreakerState.OPEN)
    await bench.until(lambda event: event.data.get("breaker") == BreakerState.CLOSED)
    (ended,) = await bench.until_type(EventType.GOAL_ENDED)
    assert ended.data["state"] == GoalState.DONE
    assert "dispatch is paused" in str(opened.data["message"])
    asked = [event.data["kind"] for event in await bench.events(EventType.DECISION_OPENED)]
    assert asked == [DecisionKind.INFRASTRUCTURE]
    assert await bench.engine.decisions() == []
    causes = Counter(event.data["cause"] for event in await bench.events(EventType.RUN_ENDED))
    assert causes["lost"] == causes["exit"] == 8
    rows = await bench.engine._parts.context.database.all("SELECT failures, infra_failures FROM tasks")
    assert {(row["failures"], row["infra_failures"]) for row in rows} == {(0, 0)}
    await private_daemon.emptied()
