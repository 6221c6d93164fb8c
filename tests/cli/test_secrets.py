"""A secret that an agent prints and says in every way it has is in no place that outlives it or shows it (case 44)."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from cli_process import Pilothouse, Terminal, eventually

SECRET = "correct/horse+battery-staple"
KEY = "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv"
AGENT = """
import base64, json, os, subprocess, sys
secret, key = os.environ["API_TOKEN"], "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv"
print("plain", secret, key, flush=True)
print("error", secret, key, file=sys.stderr, flush=True)
for lead in ("", "u:", "user:"):
    print("Basic", base64.b64encode((lead + secret).encode()).decode(), flush=True)
print(json.dumps({"type": "action", "text": "curl -H " + secret + " " + key}), flush=True)
subprocess.run(["ph", "progress", "--message", "half " + secret + " " + key], check=True)
subprocess.run(["ph", "ask", "may I use " + secret + " " + key + "?", "--option", "no " + secret], check=True)
subprocess.run(["ph", "handoff", "url=https://u:" + secret + "@host/"], check=True)
subprocess.run(["ph", "fail", "refused " + secret + " " + key], check=True)
sys.exit("it died of " + secret + " " + key)
"""
GOAL = "goal: Leak\ntasks:\n  - {id: leak, agent: leaky, prompt: x}\n"
VERBS = ("tree {goal}", "why {goal}/leak", "logs {goal}/leak", "logs {goal}/leak --grep plain --json",
         "events --json", "decisions --history --json", "export {goal}")  # fmt: skip


def forms() -> Iterator[str]:
    """The secret, and every part of its base64 that is the same wherever it begins."""
    yield from (SECRET, KEY)
    for lead in ("", "u:", "user:"):
        yield base64.b64encode((lead + SECRET).encode()).decode()[4:-4]


def shown(text: str) -> list[str]:
    return [form for form in forms() if form in text]


def test_case_44_a_secret_is_in_no_file_output_or_screen(
    terminal: Callable[..., Terminal], inside: Pilothouse, project: Path
) -> None:
    argv = json.dumps(["python3", "-c", AGENT])
    settings = f'[agents.leaky]\nargv = {argv}\noutput = "jsonl"\nenv = {{API_TOKEN = "{SECRET}"}}\n'
    (project / "pilothouse.toml").write_text(settings)
    (project / "goal.yaml").write_text(GOAL)
    screen = terminal("run", "goal.yaml", "--runtime", "process", "--allow-unconfined")
    [asked] = eventually(lambda: inside("decisions", "--json").json)
    screen.expect("Leak")  # from here on it reads keys
    screen.send("2")
    screen.expect("may I use [redacted")
    [option] = asked["choices"]
    answer = ("choose", "--option", option, "--version", str(asked["version"]))
    assert inside("decide", asked["id"], *answer).code == 0
    goal = asked["goal"]
    eventually(lambda: inside("status", goal, "--json").json["goals"][0]["state"] == "failed")
    screen.send("3")
    screen.expect("leak #1")
    told = [inside(*verb.format(goal=goal).split()) for verb in VERBS]
    assert [answered.code for answered in told] == [0] * len(told)
    assert [shown(answered.out + answered.err) for answered in told] == [[]] * len(told)
    assert any("[redacted: API_TOKEN]" in answered.out for answered in told)
    screen.process.kill()
    screen.ended()
    assert shown(screen.out) == []
    kept = [path for path in (project / ".pilothouse").rglob("*") if path.is_file()]
    assert [path for path in kept if shown(path.read_bytes().decode("latin-1"))] == []
