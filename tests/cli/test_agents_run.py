"""A coding agent through the front door: profile, prompt, usage, a rate limit and its end, in real sandboxes (R33)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, eventually

from forked_program import ForkedProgram

AGENT = """
import json, os, sys
prompt = open(sys.argv[1]).read()
assert json.load(open(os.environ["PILOTHOUSE_INPUTS"]))["prompt"] == prompt == sys.argv[2], prompt
def say(**record):
    print(json.dumps(record), flush=True)
print("429 overloaded, says nobody")
say(type="action", text="read " + prompt.split()[0])
say(type="usage", cost_usd=0.25, tokens_in=100, tokens_out=7)
print("{broken")
if os.environ["PILOTHOUSE_RUN_N"] == "1":
    say(type="rate_limit", retry_after=1)
    sys.exit(1)
say(type="result", ok=True)
"""
GOAL = """\
goal: Work with an agent
tasks:
  - id: all
    order: parallel
    tasks:
      - {id: write, agent: scripted, prompt: "Greet $(everybody) 'well'"}
      - {id: other, agent: other, prompt: x}
"""


def settings() -> str:
    argv = json.dumps(["python3", "-c", AGENT, "{prompt_file}", "{prompt}"])
    other = json.dumps(["sh", "-c", 'test "$1" = x && test "$KIND" = other', "sh", "{prompt}"])
    return (
        "[engine]\nrate_limit_wait = 0.5\n"
        f'[agents.scripted]\nargv = {argv}\noutput = "jsonl"\nprovider = "acme"\nmax_parallel = 1\n'
        f'[agents.other]\nargv = {other}\nenv = {{KIND = "other"}}\n'
    )


@pytest.mark.parametrize("runtime", [pytest.param("docker", marks=pytest.mark.docker), "process"])
def test_r33_an_agent_works_is_refused_waits_and_ends(
    pilothouse: Pilothouse, project: Path, runtime: str, request: pytest.FixtureRequest
) -> None:
    if runtime == "docker":
        request.getfixturevalue("sandbox_image")
    (project / "pilothouse.toml").write_text(settings())
    (project / "goal.yaml").write_text(GOAL)
    answer = pilothouse("run", "goal.yaml", "--no-ui", "--json", "--runtime", runtime, timeout=120)
    assert answer.code == 0, answer
    events: list[dict[str, Any]] = answer.lines
    goal = events[-1]["goal"]
    causes = {line["run"]: line["data"]["cause"] for line in events if line["type"] == "run.ended"}
    assert sorted(causes.values()) == ["exit", "exit", "rate_limit"]
    degraded = next(line for line in events if line["type"] == "engine.degraded")
    assert (degraded["data"]["part"], degraded["data"]["provider"]) == ("provider", "acme")
    events += pilothouse("events", "--json").lines
    assert any(line["type"] == "engine.recovered" and line["data"].get("provider") == "acme" for line in events)
    started = [line for line in events if line["type"] == "run.started"]
    again = next(line for line in started if line["data"]["n"] == 2)
    waited = datetime.fromisoformat(again["at"]) - datetime.fromisoformat(degraded["at"])
    assert waited.total_seconds() >= 1
    assert "read Greet" in [line["data"]["message"] for line in events if line["type"] == "task.progress"]
    reasons = pilothouse("why", f"{goal}/write", "--json").json["reasons"]
    assert "agent scripted used 100 tokens in, 7 out, 0.25 USD" in reasons
    logs = pilothouse("logs", f"{goal}/write")
    assert "429 overloaded, says nobody" in logs.out
    assert "of the agent's records 1 could not be read: they were skipped" in logs.err
    assert pilothouse("status", "--json").json["engine"]["cooldowns"] == []


@pytest.mark.parametrize("verb", [("plan", "goal.yaml"), ("run", "goal.yaml", "--no-ui", "--runtime", "process")])
def test_an_unknown_profile_is_2_with_its_line_and_the_names_there_are(
    inside: Pilothouse, project: Path, verb: tuple[str, ...]
) -> None:
    (project / "pilothouse.toml").write_text(settings())
    (project / "goal.yaml").write_text("goal: t\ntasks:\n  - id: a\n    agent: scriptd\n    prompt: x\n")
    answer = inside(*verb, "--json")
    assert answer.code == 2
    error = answer.json["error"]
    known = "did you mean `scripted`? known: `other`, `scripted`"
    assert error["message"] == f"{project.resolve()}/goal.yaml:4: no agent profile `scriptd`; {known}"
    assert not (project / ".pilothouse" / "engine.db").exists()


def test_plan_shows_the_agent_and_its_limits(inside: Pilothouse, project: Path) -> None:
    (project / "pilothouse.toml").write_text(settings() + "[agents.scripted2]\nargv = ['a']\nmemory = '300m'\n")
    (project / "goal.yaml").write_text("goal: t\ntasks: [{id: a, agent: scripted2, prompt: Do it}]\n")
    answer = inside("plan", "goal.yaml")
    assert answer.code == 0
    assert "agent scripted2: Do it" in answer.out
    assert "300 MB" in answer.out


def test_a_profile_that_cannot_work_is_2_with_file_and_key(inside: Pilothouse, project: Path) -> None:
    (project / "pilothouse.toml").write_text("[agents.mine]\nargv = []\n")
    (project / "goal.yaml").write_text("goal: t\nrun: 'true'\n")
    answer = inside("plan", "goal.yaml", "--json")
    assert answer.code == 2
    assert "pilothouse.toml:2: agents.mine.argv" in answer.json["error"]["message"]


def test_r34_a_cooldown_survives_kill_9(
    start: Callable[..., ForkedProgram], pilothouse: Pilothouse, project: Path
) -> None:
    record = json.dumps({"type": "rate_limit", "retry_after": 3600})
    argv = json.dumps(["sh", "-c", f"echo '{record}'; sleep 60", "{prompt}"])
    (project / "pilothouse.toml").write_text(f'[agents.scripted]\nargv = {argv}\noutput = "jsonl"\n')
    (project / "goal.yaml").write_text("goal: t\nagent: scripted\nprompt: x\n")
    engine = start("run", "goal.yaml", "--no-ui", "--json", "--runtime", "process", "--on-gate", "wait")
    assert engine.stdout is not None
    goal = next(json.loads(line)["goal"] for line in engine.stdout if "engine.degraded" in line)
    engine.kill()
    engine.wait()
    (cooldown,) = pilothouse("status", "--json").json["engine"]["cooldowns"]
    left = datetime.fromisoformat(cooldown["until"]) - datetime.now(UTC)
    assert cooldown["provider"] == "scripted"
    assert 3500 < left.total_seconds() < 3600 * 1.1
    notice = f"! provider scripted is at its rate limit and cools down until {cooldown['until'][:10]}"
    assert notice in pilothouse("status").out
    again = start("--no-ui", "--json")

    def ended() -> bool:
        run = pilothouse("why", f"{goal}/root").out
        return "rate limit was reached" in run and "is pending" in run

    eventually(ended, 40)
    assert again.poll() is None
    assert "cools down until" in pilothouse("why", f"{goal}/root").out
    pilothouse("stop")
    assert again.wait(30) == 0
