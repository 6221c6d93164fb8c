"""The whole program: a container without a network asks, the engine is killed, and the same question is answered."""

import json
import os
import signal
from pathlib import Path

import pytest
from commands import pilothouse, watched, write_goal

pytestmark = pytest.mark.docker

FETCH = """
import json, urllib.request, urllib.error
for scheme in ("http", "https"):
    try:
        urllib.request.urlopen(scheme + "://other.invalid/", timeout=120)
    except urllib.error.HTTPError as error:
        print(json.dumps([error.code, error.read().decode()]), flush=True)
    except OSError as error:
        print(json.dumps(str(error)), flush=True)
"""


def test_f152_r81_a_question_about_a_host_survives_a_kill_and_is_answered_by_verb(containers: Path) -> None:
    sandbox = {"network": "egress", "egress": ["web.invalid:443"], "ask": True}
    task = {"id": "fetch", "run": ["python3", "-c", FETCH], "sandbox": sandbox}
    goal = write_goal(containers, json.dumps({"goal": "reach", "tasks": [task]}))
    plan = pilothouse(containers, "plan", goal, "--json").json()
    assert "egress to web.invalid:443, asks about the rest" in plan["tasks"][0]["limits"]
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as first:
        opened = first.until_type("decision.opened")
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with watched(containers, "--no-ui", "--json") as second:
        second.until_type("sandbox.adopted")
        (pending,) = pilothouse(containers, "decisions", "--json").json()
        assert (pending["id"], pending["kind"]) == (opened["data"]["decision"], "egress")
        (box,) = pilothouse(containers, "sandboxes", "--json").json()
        assert box["network"] == "egress"
        pilothouse(containers, "decide", pending["id"], "choose", "--option", "never", "--version", "1")
        asked = second.until_type("decision.opened")
        assert asked["data"]["question"] == "May it reach other.invalid:443?"
        pilothouse(containers, "decide", asked["data"]["decision"], "choose", "--option", "goal", "--version", "1")
        second.until_type("goal.ended")
        second.process.terminate()
        second.finish()
    said = pilothouse(containers, "logs", f"{asked['goal']}/fetch").out
    http, https = (json.loads(line) for line in said.splitlines())
    assert http[0] == 403
    assert f"the answer to {pending['id']} is never" in http[1]
    assert "502" in https, "it was let through, and there is no such host"
    why = pilothouse(containers, "why", f"{asked['goal']}/fetch").out
    assert "was kept from other.invalid:80" in why
