"""Agents in a whole engine: prompt, command line, caps, usage and activity (R25, R58)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from random import Random

import pytest
from agents_at_work import AGENTS, AgentDriver, Open, agent, script, together
from scripted import Bench, goal_file

from engine.api import Answer, LogQuery
from engine.events import Event, EventType
from engine.local.opening import open_local
from engine.model import AnswerKind, DriverName, GoalState, Stream
from engine.sandbox.driver import SandboxSpec, Started
from engine.settings import Settings

CAPPED = AGENTS | {
    "few": {"argv": ["agent", "{prompt}"], "max_parallel": 2},
    "filed": {"argv": ["agent", "--file={prompt_file}", "-p", "{prompt}"], "env": {"AGENT_TOKEN": "hunter2hunter2"}},
}


class ReadingDriver(AgentDriver):
    """Keeps what each sandbox found beside its inputs."""

    found: dict[str, dict[str, str]]

    async def start(self, spec: SandboxSpec) -> Started:
        found = self.__dict__.setdefault("found", {})
        folder = spec.mounts[0].source
        files = await asyncio.to_thread(lambda: {p.name: p.read_text() for p in folder.iterdir() if p.is_file()})
        found[spec.name] = files
        return await super().start(spec)


@pytest.fixture
def driver(project: Path) -> ReadingDriver:
    return ReadingDriver(root=project)


@pytest.fixture
async def opened(project: Path, driver: ReadingDriver) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(agents: dict[str, object] | None = None, **engine: object) -> Bench:
            values = {"retry_backoff": 0.01, "reconcile_interval": 3600, "max_parallel": 8, "undo_window": 0}
            chosen = CAPPED if agents is None else agents
            settings = Settings.model_validate({"engine": values | engine, "agents": chosen})
            local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: driver})
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


async def test_the_prompt_reaches_the_sandbox_as_words_as_a_file_and_in_its_inputs(
    opened: Open, driver: ReadingDriver
) -> None:
    bench = await opened()
    prompt = "say $(hostname); rm {prompt_file} 'quoted'\nexit 0"
    goal = await bench.goal(goal_file({"id": "work", "agent": "filed", "prompt": prompt}))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (spec,) = driver.specs
    inputs = json.loads(driver.found[spec.name]["inputs.json"])
    assert inputs["prompt"] == prompt
    assert driver.found[spec.name]["prompt.txt"] == prompt
    program, by_file, *rest = spec.argv
    assert (program, rest) == ("agent", ["-p", prompt])
    assert Path(by_file.removeprefix("--file=")).name == "prompt.txt"
    assert spec.env["AGENT_TOKEN"] == "hunter2hunter2"
    task = await bench.engine.task(f"{goal.id}/work")
    assert (task.agent, task.runs[0].profile) == ("filed", "filed")
    rows = await bench.engine._parts.context.database.all("SELECT spec FROM tasks")
    assert not any("hunter2" in row["spec"] for row in rows), "the settings keep what is theirs"


async def test_r56_the_secrets_of_a_profile_are_cut_out_of_its_log(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file({"id": "work", "agent": "filed", "prompt": script("is hunter2hunter2 set?")}))
    await bench.ended(goal.id)
    page = await bench.engine.logs(f"{goal.id}/work", LogQuery(stream=Stream.OUT))
    assert [line.text for line in page.lines] == ["is [redacted: AGENT_TOKEN] set?"]


async def test_what_reviewers_asked_for_is_in_the_next_prompt(opened: Open, driver: ReadingDriver) -> None:
    bench = await opened()
    task = {"id": "work", "agent": "filed", "prompt": "exit 0", "requires_approval": True}
    goal = await bench.goal(goal_file(task))
    await bench.waiting(goal.id)
    (decision,) = await bench.engine.decisions()
    changes = Answer(version=decision.version, answer=AnswerKind.CHANGES, feedback="name it better\nexit 0")
    await bench.engine.answer(decision.id, changes)
    await bench.until(goal.id, lambda *_: len(driver.specs) == 2)
    assert driver.specs[0].argv[-1] == "exit 0"
    assert "name it better" in driver.specs[1].argv[-1]


async def test_r25_profile_cap_is_taken_inside_the_claim_and_holds_nobody_else(
    opened: Open, driver: ReadingDriver
) -> None:
    bench = await opened()
    few = [agent(f"few{n}", who="few", end="hang") for n in range(12)]
    plain = [{"id": f"plain{n}", "run": "exit 0"} for n in range(4)]
    goal = await bench.goal(goal_file(together(*few, *plain)))
    await bench.until(goal.id, lambda _, states: all(states[f"plain{n}"] == "done" for n in range(4)))
    await bench.until(goal.id, lambda _, states: list(states.values()).count("running") == 3)  # the group and two runs
    states = await bench.states(goal.id)
    held = next(key for key, state in states.items() if state == "pending" and key.startswith("few"))
    why = await bench.engine.why(f"{goal.id}/{held}")
    assert "all 2 places of agent few are taken (agents.few.max_parallel)" in why.summary
    peak = 0
    while not (await bench.engine.status(goal.id)).goals[0].ended_at:
        live = [sandbox for sandbox in await bench.engine.sandboxes() if sandbox.task_key.startswith("few")]
        peak = max(peak, len(live))
        for name in list(driver.alive):
            driver.finished.add(name)
            driver.alive[name].set()
        await asyncio.sleep(0)
    assert peak == 2
    assert len(driver.specs) == 16
    assert driver.busiest <= 6


async def test_r25_profile_cap_of_an_agent_in_two_goals_is_one_cap(opened: Open, driver: ReadingDriver) -> None:
    bench = await opened()
    goals = [
        await bench.goal(goal_file(together(*(agent(f"t{n}", who="few", end="hang") for n in range(3)))))
        for _ in range(2)
    ]
    await bench.until(goals[0].id, lambda *_: len(driver.specs) == 2)
    later = await bench.goal(goal_file({"id": "plain", "run": "exit 0"}))
    await bench.ended(later.id)
    assert len(driver.specs) == 3


async def test_usage_and_activity_of_a_run_are_stored_and_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sandbox.run_log.FLUSH_AFTER", 60)  # what it prints at once is read at once
    bench = await opened()
    records = [
        {"type": "action", "text": "edit a.py"},
        {"type": "usage", "cost_usd": 0.25, "tokens_in": 100, "tokens_out": 7},
        {"type": "action", "text": "run the tests"},
        {"type": "usage", "cost_usd": 0.5, "tokens_in": 1, "tokens_out": 1},
        {"type": "result", "ok": True},
    ]
    goal = await bench.goal(goal_file(agent("work", *records)))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/work")).runs
    assert (run.cost_usd, run.tokens_in, run.tokens_out) == (0.75, 101, 8)
    progress = [event for event in await bench.events() if event.type is EventType.TASK_PROGRESS]
    assert [event.data["message"] for event in progress] == ["run the tests"], "newest first, one for many"
    assert progress[0].run == run.id
    assert "101 tokens in, 8 out, 0.75 USD" in " ".join((await bench.engine.why(f"{goal.id}/work")).reasons)


async def test_an_agent_that_reports_no_usage_is_not_said_to_have_used_none(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file(agent("work", {"type": "action", "text": "think"})))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    reasons = " ".join((await bench.engine.why(f"{goal.id}/work")).reasons)
    assert "has reported neither tokens nor cost" in reasons
    assert " 0 out" not in reasons


async def test_an_adopted_run_is_counted_once(opened: Open, driver: ReadingDriver) -> None:
    bench = await opened()
    spent = {"type": "usage", "cost_usd": 0.5, "tokens_in": 10, "tokens_out": 1}
    goal = await bench.goal(goal_file(agent("work", spent, {"type": "action", "text": "think"}, end="hang")))
    async with asyncio.timeout(20), aclosing(bench.engine.subscribe(after=0)) as updates:
        async for update in updates:
            if isinstance(update, Event) and update.type is EventType.TASK_PROGRESS:
                break
    assert (await bench.engine.task(f"{goal.id}/work")).runs[0].tokens_in == 10
    await bench.engine.close()
    again = await opened()
    driver.finished.update(driver.alive)
    for sandbox in list(driver.alive.values()):
        sandbox.set()
    assert (await again.ended(goal.id)).state is GoalState.DONE
    (run,) = (await again.engine.task(f"{goal.id}/work")).runs
    assert (run.cost_usd, run.tokens_in, run.tokens_out) == (0.5, 10, 1)


async def test_r58_garbage_between_two_good_records_is_counted_and_skipped(opened: Open) -> None:
    bench = await opened()
    good = {"type": "usage", "tokens_in": 1}
    garbage = [
        "{not json",
        '{"type": "what"}',
        '{"a": ' + "[" * 5_000,
        '{"type": "usage", "tokens_in": NaN}',
        "plain words",
    ]
    goal = await bench.goal(goal_file(agent("work", good, *garbage, good, end="exit 0")))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/work")).runs
    assert run.tokens_in == 2
    page = await bench.engine.logs(run.id, LogQuery(stream=Stream.NOTE))
    assert "of the agent's records 2 could not be read and 1 were of an unknown kind" in page.lines[0].text


async def test_r58_a_flood_of_records_is_read_whole_and_in_order(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.dispatch.runs.transcript.BACKLOG", 1)
    monkeypatch.setattr("engine.dispatch.runs.transcript.AT_ONCE", 0)
    monkeypatch.setattr("engine.dispatch.runs.transcript.STORE_EVERY", 3600)
    bench = await opened()
    flood = [{"type": "usage", "tokens_in": 1}, {"type": "action", "text": "x"}] * 900
    goal = await bench.goal(goal_file(agent("work", *flood, {"type": "action", "text": "last"})))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/work")).runs
    assert run.tokens_in == 900
    progress = [event for event in await bench.events() if event.type is EventType.TASK_PROGRESS]
    assert progress[-1].data["message"] == "last"
    assert len(progress) <= 2, "written down now and then, whatever it prints"


async def test_a_profile_that_the_settings_have_no_more_asks_a_human(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file(agent("work", who="other")), start=False)
    await bench.engine.close()
    again = await opened(agents=AGENTS | {"other": AGENTS["two"]})
    await again.engine.close()
    bare = await opened(agents={"one": AGENTS["one"]})
    await bare.engine.start_goal(goal.id)
    await bare.waiting(goal.id)
    (decision,) = await bare.engine.decisions()
    assert "there is no agent profile other any more (the settings name: one)" in decision.question
