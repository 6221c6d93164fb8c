"""The main job on real input: the demo through real containers, its gate, an answer from elsewhere, the merge."""

import subprocess
from pathlib import Path

import pytest
from commands import pilothouse, watched, write_goal

pytestmark = pytest.mark.docker


def goal_of(folder: Path) -> dict[str, object]:
    goal: dict[str, object] = pilothouse(folder, "status", "--json").json()["goals"][0]
    return goal


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_demo_stops_at_its_gate_and_goes_on_when_it_is_answered(containers: Path) -> None:
    stopped = pilothouse(containers, "demo", ".", "--no-ui")
    assert stopped.code == 5, stopped.err
    assert "decide d-" in stopped.err
    before = git(containers, "rev-parse", "main")
    (decision,) = pilothouse(containers, "decisions", "--json").json()
    assert (decision["kind"], decision["blocks"]) == ("approval", 1)
    answered = pilothouse(containers, "decide", decision["id"], "approve", "--version", str(decision["version"]))
    assert answered.code == 0, answered.err
    assert git(containers, "rev-parse", "main") == before  # nothing is merged by an engine that only visits
    went_on = pilothouse(containers, "--no-ui", "--until", "idle")
    assert went_on.code == 0, went_on.err
    assert goal_of(containers)["state"] == "done"
    assert git(containers, "rev-parse", "main") != before
    assert git(containers, "status", "--porcelain", "--untracked-files=no") == ""


def test_r54_logs_are_readable_after_their_containers_are_gone(containers: Path) -> None:
    goal_file = write_goal(
        containers, "goal: talk\ntasks:\n- {id: say, run: 'for i in 1 2 3; do echo line $i; done'}\n"
    )
    done = pilothouse(containers, "run", goal_file, "--no-ui")
    assert done.code == 0, done.err
    goal = goal_of(containers)["id"]
    assert subprocess.run(["docker", "ps", "-aq", "--filter", f"label=pilothouse.goal={goal}"],
                          capture_output=True, check=True).stdout == b""  # fmt: skip
    said = pilothouse(containers, "logs", f"{goal}/say", "--stream", "out")
    assert said.out.splitlines() == ["line 1", "line 2", "line 3"]
    assert pilothouse(containers, "status", "--json").json()["engine"]["state"] != "running", (
        "each command is another one"
    )
    found = pilothouse(containers, "logs", f"{goal}/say", "--grep", "line [23]")
    assert found.out.splitlines() == ["line 2", "line 3"]


def test_r48_a_container_killed_by_memory_says_so_with_its_limit(containers: Path) -> None:
    eater = "python3 -c 'x = bytearray(200 * 1024 * 1024); print(len(x))'"
    goal_file = write_goal(containers, f'goal: eat\ntasks:\n- {{id: eat, run: "{eater}", sandbox: {{memory: 64m}}}}\n')
    failed = pilothouse(containers, "run", goal_file, "--no-ui", "--json")
    assert failed.code == 1
    assert '"sandbox.oom"' in failed.out
    why = pilothouse(containers, "why", f"{goal_of(containers)['id']}/eat")
    assert "64 MB" in why.out
    assert "memory" in why.out


def test_case_13_r49_a_task_that_prints_nothing_ends_after_its_idle_timeout(containers: Path) -> None:
    goal_file = write_goal(
        containers, "goal: silent\ntasks:\n- {id: silent, run: 'sleep 300', sandbox: {idle_timeout: 1s}}\n"
    )
    failed = pilothouse(containers, "run", goal_file, "--no-ui")
    assert failed.code == 1
    assert "no output for 1s" in pilothouse(containers, "why", f"{goal_of(containers)['id']}/silent").out


def test_r128_the_last_line_of_run_is_goal_ended_with_the_exit_code(containers: Path) -> None:
    goal_file = write_goal(containers, "goal: fail\ntasks:\n- {id: bad, run: exit 3}\n")
    with watched(containers, "run", goal_file, "--no-ui", "--json") as run:
        assert run.finish() == 1
    last = run.events[-1]
    assert (last["type"], last["state"], last["exit_code"]) == ("goal.ended", "failed", 1)
    created = next(event for event in run.events if event["type"] == "sandbox.created")
    assert created["data"]["name"].startswith("ph-")
    assert len(created["data"]["container_id"]) == 64


def test_a_result_under_review_reaches_the_branch_only_when_approved(containers: Path) -> None:
    git(containers, "init", "-q", "-b", "main")
    (containers / "a.txt").write_text("one\n")
    git(containers, "add", "a.txt")
    git(containers, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first")
    goal_file = write_goal(
        containers,
        "goal: write\nrepo: .\ntasks:\n- {id: write, run: echo two >> a.txt, requires_approval: true}\n"
        "- {id: read, run: grep two a.txt}\n- {id: merge, merge: {into: main}}\n",
    )
    assert pilothouse(containers, "run", goal_file, "--no-ui").code == 5
    (decision,) = pilothouse(containers, "decisions", "--json").json()
    assert decision["kind"] == "review"
    assert "+two" in pilothouse(containers, "diff", f"{decision['goal']}/write").out
    pilothouse(containers, "decide", decision["id"], "approve", "--version", str(decision["version"]))
    assert pilothouse(containers, "--no-ui", "--until", "idle").code == 0
    assert git(containers, "show", "main:a.txt") == "one\ntwo"


def test_r79_feedback_stands_in_the_next_runs_inputs(containers: Path) -> None:
    goal_file = write_goal(
        containers,
        "goal: again\ntasks:\n- {id: work, run: 'cat $PILOTHOUSE_INPUTS'}\n"
        "- {id: ok, gate: {kind: human_approval, question: 'Right?'}}\n",
    )
    assert pilothouse(containers, "run", goal_file, "--no-ui").code == 5
    (decision,) = pilothouse(containers, "decisions", "--json").json()
    changes = ["decide", decision["id"], "changes", "--feedback", "say it louder", "--version", "1"]
    assert pilothouse(containers, *changes).code == 0
    assert pilothouse(containers, "--no-ui", "--until", "idle").code == 5
    assert "say it louder" in pilothouse(containers, "logs", f"{decision['goal']}/work").out
