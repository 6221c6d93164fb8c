"""Cancel keeps its order: stored, then the sandbox is stopped, its log captured, and only then it is removed (R95)."""

import pytest
from scripted import Bench, goal_file

from engine.api import LogQuery
from engine.ids import SafeName
from engine.model import GoalState
from engine.store import named_queries

GOALS = named_queries("goals")


async def test_r95_a_cancel_is_stored_before_the_stop_and_the_log_sealed_before_the_removal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace: list[tuple[str, object]] = []
    driver, engine = bench.driver, bench.engine
    stop, remove = driver.stop, driver.remove

    async def traced_stop(name: SafeName, grace: float) -> None:
        row = await engine._parts.context.database.one(GOALS["get"], {"id": goal.id})
        trace.append(("stop, cancel stored", row is not None and bool(row["cancelling"])))
        await stop(name, grace)

    async def traced_remove(name: SafeName) -> None:
        [run] = (await engine.task(f"{goal.id}/long")).runs
        page = await engine.logs(run.id, LogQuery())
        trace.append(("remove, run and log ended", (str(run.state), page.ended)))
        await remove(name)

    monkeypatch.setattr(driver, "stop", traced_stop)
    monkeypatch.setattr(driver, "remove", traced_remove)
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await engine.cancel(goal.id, "enough")
    assert (await bench.ended(goal.id)).state is GoalState.CANCELLED
    await engine._parts.live.ended()
    assert trace == [("stop, cancel stored", True), ("remove, run and log ended", ("ended", True))]
