"""The verb notify, and a run in the foreground that calls for its operator (F111)."""

import re
from collections.abc import Callable
from pathlib import Path

from cli_process import Pilothouse, Terminal, eventually
from goal_files import GATED, goal_file

Open = Callable[..., Terminal]
SETTINGS = """
[notify]
desktop = "osc9"
command = ["sh", "-c", "cat >> told.jsonl"]
url = "http://127.0.0.1:9/topic"
"""


def test_f111_a_run_on_a_terminal_rings_and_the_engine_tells_elsewhere(
    terminal: Open, inside: Pilothouse, project: Path
) -> None:
    (project / "pilothouse.toml").write_text(SETTINGS)
    goal_file(project, GATED)
    run = terminal("run", "goal.yaml", "--no-ui", "--runtime", "process", "--allow-unconfined", "--on-gate", "wait")
    run.expect("\x1b]9;Pilothouse: Decision needed: ")
    [decision] = inside("decisions", "--json").json
    eventually(lambda: any(row["state"] == "sent" for row in inside("notify", "list", "--json").json))
    assert inside("decide", decision["id"], "approve", "--version", str(decision["version"])).code == 0
    assert run.ended() == 0
    assert "\x07" in re.sub(r"\x1b\][^\x07]*\x07", "", run.out)
    told = inside("notify", "list", "--json").json
    assert {(view["channel"], view["notice"]["decision"]) for view in told} >= {("command", decision["id"])}
    assert decision["id"] in (project / "told.jsonl").read_text()


def test_a_trial_says_what_arrived_and_what_did_not(inside: Pilothouse, project: Path) -> None:
    (project / "pilothouse.toml").write_text(SETTINGS)
    (project / ".pilothouse").mkdir()
    answer = inside("notify", "test", "--json")
    found = {row["channel"]: row["message"] for row in answer.json["channels"]}
    assert answer.code == 1
    assert found["command"] == ""
    assert "cannot be reached" in found["url"]
    assert '"stage": "test"' in (project / "told.jsonl").read_text()
    assert inside("notify", "list").out == ""
    (project / "pilothouse.toml").write_text("")
    quiet = inside("notify", "test")
    assert (quiet.code, quiet.out) == (0, "")
    assert "nothing is set up" in quiet.err
