"""A wall clock that is set while the engine runs, and who is let in on the Unix socket (HARDENING cases 52 and 55)."""

import os
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from engine_stub import StubEngine

from engine.api import CreateGoal
from engine.client import RemoteEngine
from engine.clock import SystemClock
from engine.events import Event
from engine.headless import OnGate, follow_goal
from engine.local.opening import open_local
from engine.model import GoalState
from engine.server import serve
from engine.server.connections import OwnConnection
from engine.settings import load_settings

GOAL = 'goal: Go\ntasks:\n  - {id: one, run: "true"}\n  - {id: two, run: "true", retries: 1}\n'


class SetClock(SystemClock):
    """The machine's clocks, of which somebody sets the one on the wall."""

    def __init__(self) -> None:
        self.set_by = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.set_by


async def test_case_55_a_wall_clock_that_is_set_changes_no_order_and_no_timeout(project: Path) -> None:
    clock = SetClock()
    settings = load_settings(project / "pilothouse.toml", environ={}, flags={"sandbox.runtime": "process"})
    engine = await open_local(project, settings, clock=clock)
    path = project / ".pilothouse" / "engine.sock"
    async with serve(engine, path):
        far = await RemoteEngine.connect(f"unix:{path}")
        for hours in (0, -72, 48):
            clock.set_by = timedelta(hours=hours)
            goal = await far.create_goal(CreateGoal(source=GOAL))
            await follow_goal(far, goal.id, emit=lambda _event: None, on_gate=OnGate.FAIL)
            [ended] = (await far.status(goal.id)).goals
            assert ended.state is GoalState.DONE  # no timeout took the jump for time that passed
        events = await far.events(0, 1000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert sorted(events, key=lambda event: event.at) != events, "the times did jump"
        heard: list[int] = []
        async with aclosing(far.subscribe(0)) as updates:
            async for update in updates:
                assert isinstance(update, Event)
                heard.append(update.seq)
                if update.seq == events[-1].seq:
                    break
        assert heard == [event.seq for event in events]
        assert all(value >= 0 for value in _sums(await far.metrics()))
        await far.close()
    await engine.close()


def _sums(text: str) -> list[float]:
    return [float(line.split()[-1]) for line in text.splitlines() if "_sum" in line and not line.startswith("#")]


async def test_case_52_the_kernel_names_who_is_on_the_other_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, path = StubEngine(), tmp_path / "state" / "engine.sock"
    async with serve(stub, path):
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            assert (await http.get("/v1/status")).status_code == 200
    before = list(stub.calls)

    made = OwnConnection.connection_made

    def by_another(self: OwnConnection, transport: object) -> None:
        made(self, transport)  # type: ignore[arg-type]
        self.app_state = {**self.app_state, "uid": os.geteuid() + 4242}

    monkeypatch.setattr(OwnConnection, "connection_made", by_another)
    async with serve(stub, path):
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            for target in ("/v1/status", "/openapi.json", "/v1/nothing"):
                answer = await http.get(target)
                assert (answer.status_code, answer.json()["code"]) == (403, "refused")
    assert stub.calls == before
