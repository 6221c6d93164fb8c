"""Gates that ask GitHub: a real server with its REST shapes, and every way it can fail (R66, R68-R71)."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from github_server import GitHubServer
from outside import AFTER, HEAD, OTHER, gates, open_gates, send, task, told
from scripted import Bench, ScriptedDriver, goal_file

from engine.dispatch.gates.watching import Due, apply_finding
from engine.events import EventType
from engine.local.opening import open_local
from engine.model import DriverName, GateSpec, GoalState, SignalStatus
from engine.settings import EngineSettings, GithubSettings, Settings
from engine.signals.finding import Finding

CI: dict[str, object] = {"kind": "gh_ci", "repo": "o/r", "pr": 12}
GOOD = {"name": "test", "status": "completed", "conclusion": "success"}
BAD = {**GOOD, "conclusion": "failure"}
Open = Callable[[], Awaitable[Bench]]


@pytest.fixture
async def github() -> AsyncIterator[GitHubServer]:
    async with GitHubServer().serving() as server:
        yield server


@pytest.fixture
async def opened(project: Path, github: GitHubServer) -> AsyncIterator[Open]:
    driver = ScriptedDriver(root=project)
    (project / "token").write_text("very-secret-token\n")
    async with AsyncExitStack() as stack:

        async def open_one() -> Bench:
            asks = GithubSettings(api_url=github.url, token_file="token", poll_interval=0.02)
            settings = Settings(engine=EngineSettings(reconcile_interval=3600), github=asks)
            local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: driver})
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


async def asking(bench: Bench, gate: dict[str, object] = CI) -> str:
    goal = await bench.goal(goal_file(task(gate), AFTER))
    await bench.until(goal.id, lambda view, states: states["gate"] == "waiting")
    return goal.id


async def why(bench: Bench, goal: str) -> str:
    return " ".join((await bench.engine.why(f"{goal}/gate")).reasons)


@pytest.mark.parametrize(("runs", "ends"), [([GOOD], GoalState.DONE), ([GOOD, BAD], GoalState.FAILED)])
async def test_a_ci_gate_asks_until_the_checks_have_ended(
    opened: Open, github: GitHubServer, runs: list[dict[str, object]], ends: GoalState
) -> None:
    bench = await opened()
    goal = await asking(bench)
    await github.asked_again(6)
    assert "no check of aaaaaaaaaaaa has been reported yet" in await why(bench, goal)
    assert (await bench.states(goal))["gate"] == "waiting"
    github.runs = runs
    assert (await bench.ended(goal)).state is ends
    row = (await gates(bench, goal))[0]
    assert (row["actor"], row["head"]) == ("github via poll", HEAD)


async def test_what_has_not_changed_is_not_sent_again(opened: Open, github: GitHubServer) -> None:
    bench = await opened()
    await asking(bench)
    await github.asked_again(9)
    assert github.unchanged > 0


async def test_r66_a_commit_pushed_meanwhile_is_not_the_one_under_test(opened: Open, github: GitHubServer) -> None:
    bench = await opened()
    goal = await asking(bench)
    await github.asked_again(6)
    github.head, github.runs = OTHER, [GOOD]
    await github.asked_again(3)
    await bench.engine.info()
    assert (await bench.states(goal))["gate"] == "waiting"
    assert (await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=OTHER)).matched == ()
    await shown(bench, goal, "is at bbbbbbbbbbbb, the gate is about aaaaaaaaaaaa")
    github.head = HEAD
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r66_an_early_result_counts_once_the_head_is_known_and_is_its_commit(
    opened: Open, github: GitHubServer
) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, task(CI), AFTER))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=OTHER)
    github.hold = asyncio.Event()
    bench.driver.finish()
    await bench.until(goal.id, lambda _, states: states["gate"] == "waiting")
    assert (await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=OTHER)).queued, "its head is being asked for"
    github.hold.set()
    await github.asked_again(4)
    assert (await bench.states(goal.id))["gate"] == "waiting"
    assert (await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=HEAD)).matched
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_r66_what_came_before_the_gate_does_not_pass_it_because_github_is_away(
    opened: Open, github: GitHubServer
) -> None:
    bench = await opened()
    github.mode = "500"
    goal = await bench.goal(goal_file({"id": "long", "run": "hang"}, task(CI), AFTER))
    await bench.until(goal.id, lambda _, states: states["long"] == "running")
    await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=OTHER)
    bench.driver.finish()
    await shown(bench, goal.id, "cannot be asked about")
    assert (await bench.states(goal.id))["gate"] == "waiting"
    assert (await send(bench, "gh_ci", repo="o/r", pr=12, head_sha=HEAD)).matched, "the push path still works"


@pytest.mark.parametrize("kind", ["gh_review", "pr_review"])
async def test_r66_reviews_count_for_the_head_and_dismissed_ones_do_not(
    opened: Open, github: GitHubServer, kind: str
) -> None:
    bench = await opened()
    said = {"user": {"login": "ann"}, "author_association": "OWNER", "commit_id": HEAD}
    github.reviews = [{**said, "state": "APPROVED"}, {**said, "state": "DISMISSED"}]
    goal = await asking(bench, {**CI, "kind": kind, **({"name": "ann"} if kind == "pr_review" else {})})
    await github.asked_again(6)
    assert (await bench.states(goal))["gate"] == "waiting"
    github.reviews = [*github.reviews, {**said, "state": "APPROVED"}]
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_a_named_reviewer_may_say_it_in_a_marked_comment(opened: Open, github: GitHubServer) -> None:
    bench = await opened()
    github.comments = [{"user": {"login": "bot"}, "body": f"pilothouse-review: fail {HEAD}"}]
    goal = await asking(bench, {**CI, "kind": "pr_review", "name": "bot"})
    assert (await bench.ended(goal)).state is GoalState.FAILED
    assert "bot says fail" in await why(bench, goal)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("500", "answered 500"),
        ("garbage", "no JSON"),
        ("404", "knows no such thing"),
        ("rate", "limits the rate"),
        ("retry", "limits the rate"),
    ],
)
async def test_r69_a_service_in_trouble_never_reaches_dispatch_and_the_gate_shows_it(
    opened: Open, github: GitHubServer, mode: str, words: str
) -> None:
    bench = await opened()
    github.mode = mode
    goal = await asking(bench)
    other = await bench.goal(goal_file({"id": "work", "run": "exit 0"}))
    assert (await bench.ended(other.id)).state is GoalState.DONE
    await shown(bench, goal, words)
    if mode not in ("rate", "retry"):  # which ask to be left alone for longer
        github.mode, github.runs = "well", [GOOD]
        assert (await bench.ended(goal)).state is GoalState.DONE
    else:
        calls = github.calls.total()
        assert (await bench.states(goal))["gate"] == "waiting"
        assert github.calls.total() == calls


async def shown(bench: Bench, goal: str, words: str) -> None:
    """Until the gate shows these words of its watch."""
    said = ""
    try:
        async with asyncio.timeout(20):
            while words not in (said := await why(bench, goal)):
                await bench.engine._parts.context.clock.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"it says: {said}")


async def test_r69_a_service_that_refuses_is_asked_with_backoff_and_a_breaker(
    opened: Open, github: GitHubServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bench = await opened()
    github.mode = "500"
    goals = [await asking(bench) for _ in range(3)]
    await shown(bench, goals[0], "cannot be asked about")
    watcher = bench.engine._parts.watcher
    async with asyncio.timeout(20):
        while not watcher._breaker.open:
            await bench.engine._parts.context.clock.sleep(0.01)
    github.mode, github.runs = "well", [GOOD]
    for goal in goals:
        assert (await bench.ended(goal)).state is GoalState.DONE
    assert not watcher._breaker.open
    assert github.tokens == {"bearer very-secret-token"}
    assert "very-secret-token" not in caplog.text
    assert not any("very-secret-token" in str(event) for event in await bench.events())


async def test_r69_nobody_listens_there(opened: Open, github: GitHubServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody else gets it meanwhile
        github.port = taken.getsockname()[1]
        bench = await opened()
        goal = await asking(bench)
        await shown(bench, goal, "cannot be reached")
        assert (await send(bench, "gh_ci", repo="o/r", pr=12)).matched, "the push path still works"
        assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r69_a_service_that_hangs_holds_nothing_up(
    opened: Open, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.signals.polling.WHOLE", 0.05)
    bench = await opened()
    github.mode = "hang"
    goal = await asking(bench)
    await shown(bench, goal, "took longer than")
    monkeypatch.setattr("engine.signals.polling.WHOLE", 10.0)  # a busy machine answers in its own time
    github.mode, github.runs = "well", [GOOD]
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r68_an_answer_for_a_watch_that_closed_meanwhile_changes_nothing(
    opened: Open, github: GitHubServer
) -> None:
    bench = await opened()
    github.hold, github.runs = asyncio.Event(), [BAD]
    goal = await asking(bench)
    async with github.asked:
        await github.asked.wait_for(lambda: github.calls.total() > 0)
    assert (await send(bench, "gh_ci", repo="o/r", pr=12)).matched
    github.hold.set()
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert len(await told(bench, EventType.GATE_RESOLVED)) == 1


async def test_r68_registering_again_leaves_the_newest_watch_only(opened: Open, github: GitHubServer) -> None:
    bench = await opened()
    github.mode = "500"
    goal = await asking(bench)
    (gate,) = await open_gates(bench, goal)
    database = bench.engine._parts.context.database
    old = Due(gate["id"], 1, GateSpec.model_validate_json(gate["spec"]), None, 0)
    await database.write(lambda tx: tx.run("UPDATE watches SET version = 2"))
    finding = Finding(SignalStatus.PASS, "all well", HEAD)
    assert not await database.write(lambda tx: apply_finding(tx, due=old, finding=finding, wait=1.0))
    assert (await bench.states(goal))["gate"] == "waiting"
    newest = Due(gate["id"], 2, old.spec, None, 0)
    assert await database.write(lambda tx: apply_finding(tx, due=newest, finding=finding, wait=1.0))
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r70_a_watch_is_a_row_and_is_armed_once_after_a_restart(opened: Open, github: GitHubServer) -> None:
    first = await opened()
    goal = await asking(first)
    await github.asked_again(3)
    before = await open_gates(first, goal)
    await first.engine.close()
    second = await opened()
    rows = await second.engine._parts.context.database.all("SELECT gate FROM watches")
    assert [row["gate"] for row in rows] == [before[0]["id"]]
    github.runs = [GOOD]
    assert (await second.ended(goal)).state is GoalState.DONE
    assert len(await told(second, EventType.GATE_RESOLVED)) == 1
