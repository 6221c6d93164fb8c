"""Numbers and health over a real socket: true, cumulative, bounded (R117)."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from engine.api import Answer, CreateGoal
from engine.client import RemoteEngine
from engine.errors import DaemonUnavailable, StoreError
from engine.events import Event, EventType
from engine.headless import OnGate, follow_goal, open_decisions
from engine.ids import Kind, random_id
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.metrics import OPEN, VALUES, Metrics
from engine.model import AnswerKind, DriverName
from engine.server import serve
from engine.settings import load_settings

CONTRACT = {
    "goals", "tasks", "runs_total", "run_duration_seconds", "dispatch_latency_seconds", "sandboxes",
    "gate_wait_seconds", "decisions_pending", "decision_latency_seconds", "signals_total",
    "lease_acquisitions_total", "lease_wait_seconds", "lease_contentions_total", "leases_held", "messages_total",
    "message_duration_seconds", "events_total", "subscriber_lag_total", "log_bytes_total", "log_gaps_total",
    "store_commit_seconds", "breaker_state",
}  # fmt: skip
GOAL = """
goal: Ship it
tasks:
  - {id: build, run: "echo hello"}
  - id: ship
    gate: {kind: human_approval, question: Ship it?}
"""
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def local(project: Path) -> AsyncIterator[LocalEngine]:
    settings = load_settings(project / "pilothouse.toml", environ={}, flags={"sandbox.runtime": "process"})
    engine = await open_local(project, settings)
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def http(local: LocalEngine, project: Path) -> AsyncIterator[httpx.AsyncClient]:
    socket = project / ".pilothouse" / "engine.sock"
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with serve(local, socket), httpx.AsyncClient(transport=transport, base_url="http://localhost/v1") as client:
        yield client


def samples(text: str) -> dict[str, float]:
    """Every series as Prometheus would read it."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def test_r117_every_name_of_the_contract_is_there_and_counts_what_happened(
    http: httpx.AsyncClient, local: LocalEngine, project: Path
) -> None:

    goal = await local.create_goal(CreateGoal(source=GOAL, allow_unconfined=True))
    await follow_goal(local, goal.id, emit=lambda _event: None, on_gate=OnGate.FAIL)
    await local._parts.context.database.write(lambda _: None)  # what is stored has been counted by then, too
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = set(re.findall(r"^# TYPE pilothouse_(\w+)", answer.text, re.MULTILINE))
    assert families == CONTRACT
    found = samples(answer.text)
    assert found['pilothouse_goals{state="active"}'] == 1
    assert found['pilothouse_tasks{state="done"}'] == 1
    assert found['pilothouse_runs_total{outcome="exit"}'] == 1
    assert found['pilothouse_decisions_pending{kind="approval"}'] == 1
    assert found["pilothouse_run_duration_seconds_count{}"] == 1
    assert found["pilothouse_dispatch_latency_seconds_count{}"] == 1
    assert 0 < found["pilothouse_dispatch_latency_seconds_sum{}"] < 30
    assert found["pilothouse_log_bytes_total{}"] >= len("hello")
    assert found["pilothouse_store_commit_seconds_count{}"] > 3
    (decision,) = open_decisions((await local.status(goal.id)).goals[0])
    await local.answer(decision, Answer(version=1, answer=AnswerKind.APPROVE))
    found = samples(await local.metrics())
    assert found['pilothouse_gate_wait_seconds_count{kind="human_approval"}'] == 1
    assert found['pilothouse_decision_latency_seconds_count{kind="approval"}'] == 1
    assert found['pilothouse_decisions_pending{kind="approval"}'] == 0
    assert found['pilothouse_events_total{type="gate.resolved"}'] == 1
    remote = await RemoteEngine.connect(f"unix:{project / '.pilothouse' / 'engine.sock'}")
    assert "pilothouse_goals" in await remote.metrics()
    assert (await remote.health()).status == "ok"
    await remote.close()


def told(number: int, type: EventType, /, **data: object) -> Event:
    run, task = f"r-{number:010d}", f"t-{number:010d}"
    return Event(seq=1, at=NOON + timedelta(seconds=number), type=type, goal="g-1", task=task, run=run, data=data)


def test_r117_ten_thousand_runs_add_no_series() -> None:
    clock = [0.0]
    metrics = Metrics(lambda: clock[0])
    counts = []
    for number in range(10_000):
        gate, decision = random_id(Kind.DECISION), random_id(Kind.DECISION)
        metrics.ready(f"t-{number:010d}", clock[0])
        metrics.observe(
            [
                told(number, EventType.GATE_OPENED, gate=gate, kind="human_approval"),
                told(number, EventType.DECISION_OPENED, decision=decision, kind="approval"),
                told(number, EventType.RUN_STARTED),
                told(number, EventType.RUN_ENDED, cause="exit" if number % 2 else f"cause-{number}"),
                told(number, EventType.DECISION_ANSWERED, decision=decision),
                told(number, EventType.GATE_RESOLVED, gate=gate),
            ]
        )
        clock[0] += 0.01
        if number in (999, 9_999):
            counts.append(len(samples(metrics.text())))
    assert counts[0] == counts[1]
    assert counts[1] < 500 + VALUES
    text = metrics.text()
    assert not re.search(r"[grtd]-[0-9a-z]{10}", text), "an id is no label"
    assert samples(text)["pilothouse_run_duration_seconds_count{}"] == 10_000
    assert samples(text)['pilothouse_runs_total{outcome="exit"}'] == 5_000


def test_r117_buckets_are_cumulative_and_what_never_ends_is_forgotten() -> None:
    metrics = Metrics(lambda: 0.0)
    for seconds in (0.0005, 0.003, 0.003, 2, 99):
        metrics.committed(seconds)
    found = samples(metrics.text())
    buckets = [value for name, value in found.items() if name.startswith("pilothouse_store_commit_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (1, 5)
    metrics.observe(told(number, EventType.RUN_STARTED) for number in range(OPEN + 500))
    assert len(metrics._runs) == OPEN


async def test_r117_a_dead_daemon_or_a_dead_store_is_503_and_named(
    http: httpx.AsyncClient, local: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = await http.get("/health")
    assert (well.status_code, well.json()["parts"]) == (200, {"store": "ok", "daemon": "not used"})
    assert (await http.get("/ready")).status_code == 200
    monkeypatch.setattr("engine.local.measuring.FRESH", -1.0)

    async def gone() -> None:
        raise DaemonUnavailable("no container daemon answers")

    local._parts.driver = DriverName.DOCKER
    monkeypatch.setattr(local._parts.context.driver(DriverName.DOCKER), "check", gone)
    for path in ("/health", "/ready"):
        answer = await http.get(path)
        assert answer.status_code == 503
        assert answer.json()["details"]["parts"]["daemon"] == "no container daemon answers"
    local._parts.driver = DriverName.PROCESS

    async def full(_unit: object) -> None:
        raise StoreError("the store refused a write: disk full")

    monkeypatch.setattr(local._parts.context.database, "write", full)
    answer = await http.get("/health")
    assert answer.status_code == 503
    assert "disk full" in answer.json()["detail"]
    assert answer.json()["details"]["parts"]["daemon"] == "not used"
    monkeypatch.undo()
