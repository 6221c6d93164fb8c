"""Goals started over, without some of their tasks, or from a checkpoint; each by the real command."""

from pathlib import Path

from cli_process import Pilothouse
from goal_files import decoded, goal_file

GREET = """\
goal: Greet
vars: {who: world}
tasks:
  - {id: greet, run: "echo hello {{ who }}"}
  - {id: check, run: exit 3}
  - {id: ship, gate: {kind: human_approval, question: Ship it?}}
"""
HEADLESS = ("--no-ui", "--runtime", "process", "--allow-unconfined", "--json")


def test_run_again_starts_a_goal_over_and_keeps_its_history(inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Greet\nvars: {who: world}\ntasks: [{id: greet, run: 'echo hello {{ who }}'}]\n")
    first = decoded(inside("run", "goal.yaml", "--set", "who=you", *HEADLESS).out)[-1]["goal"]
    (project / "goal.yaml").unlink()
    again = inside("run", "--again", first[:8], "--no-ui", "--json")
    assert again.code == 0
    second = decoded(again.out)[-1]["goal"]
    assert inside("logs", f"{second}/greet").out.splitlines()[0].endswith("hello you")
    goals = {goal["id"]: goal for goal in inside("status", "--json").json["goals"]}
    assert (len(goals), goals[second]["continues"], goals[first]["state"]) == (2, first, "done")
    assert f"starts over {first}" in inside("status", second).out
    assert inside("run", "--again", "g-nothing", "--no-ui").code == 3


def test_run_without_a_gate_and_a_tester(inside: Pilothouse, project: Path) -> None:
    goal_file(project, GREET)
    for wrong in (("--skip", "shipp"), ("--skip", "greet", "--skip", "check", "--skip", "ship")):
        refused = inside("run", "goal.yaml", *wrong, *HEADLESS)
        assert (refused.code, refused.json["error"]["code"]) == (2, "invalid")
    assert not (project / ".pilothouse" / "engine.db").exists()
    done = inside("run", "goal.yaml", "--skip", "ship", "--skip", "check", *HEADLESS)
    assert done.code == 0
    goal = decoded(done.out)[-1]["goal"]
    assert "runs this goal without ship (--skip)" in inside("why", f"{goal}/ship").out


KEEPING = """\
goal: Keep
tasks:
  - id: work
    run: |
      grep -q '"step"' "$PILOTHOUSE_INPUTS" && echo went on && exit 0
      echo '{"step": 1}' > s.json && ph checkpoint half s.json && echo began
  - {id: after, run: echo after}
"""


def test_fork_begins_a_task_with_a_checkpoint(inside: Pilothouse, project: Path) -> None:
    goal_file(project, KEEPING)
    old = decoded(inside("run", "goal.yaml", *HEADLESS).out)[-1]["goal"]
    [kept] = inside("checkpoints", "list", f"{old}/work", "--json").json
    wrong = inside("fork", f"{old}/after", "--from", str(kept["id"]), "--json")
    assert (wrong.code, wrong.json["error"]["message"]) == (2, f"checkpoint {kept['id']} is not one of after")
    assert inside("fork", f"{old}/work", "--from", "99").code == 3
    fork = inside("fork", f"{old}/work", "--from", str(kept["id"]), "--skip", "after", "--json").json
    assert (fork["continues"], fork["state"]) == (old, "active")
    assert inside("--no-ui", "--until", "idle").code == 0
    assert inside("logs", f"{fork['id']}/work").out.splitlines()[0].endswith("went on")
    assert "began" in inside("logs", f"{old}/work").out
    assert inside("status", fork["id"], "--json").json["goals"][0]["state"] == "done"
