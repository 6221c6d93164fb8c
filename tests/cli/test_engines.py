"""Engines in the foreground and in the background: one per project, everything else attaches."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest
from cli_process import Pilothouse, eventually, heard
from goal_files import GATED, HELD, decoded, goal_file, let_go, types

from engine.instance_lock import InstanceLock
from engine.local.project import ProjectPaths
from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
PROCESS = ("--runtime", "process", "--allow-unconfined")


@pytest.fixture
def background(inside: Pilothouse) -> Iterator[None]:
    """Stops whatever engine the test left in the background."""
    yield
    inside("stop")


def engine(inside: Pilothouse) -> dict[str, Any]:
    """The engine as `status` tells it."""
    told: dict[str, Any] = inside("status", "--json").json["engine"]
    return told


def serving(start: Start, inside: Pilothouse, *args: str) -> ForkedProgram:
    process = start(*(args or ("serve",)))
    eventually(lambda: engine(inside)["state"] == "running")
    return process


@pytest.mark.parametrize(
    ("args", "number", "code"),
    [(("serve",), signal.SIGTERM, 0), (("--no-ui",), signal.SIGINT, 130)],
    ids=["serve-term", "no-ui-int"],
)
def test_r97_an_engine_in_the_foreground_ends_and_leaves_nothing(
    args: tuple[str, ...], number: signal.Signals, code: int, start: Start, project: Path, inside: Pilothouse
) -> None:
    process = serving(start, inside, *args)
    assert engine(inside)["pid"] == process.pid
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert "engine.started" in types(decoded(out))
    left = {path.name for path in (project / ".pilothouse").iterdir()}
    assert not left & {"engine.sock", "engine.lock"}


def test_case_7_r99_a_second_engine_is_refused_within_two_seconds_and_the_first_is_named(
    start: Start, pilothouse: Pilothouse, inside: Pilothouse
) -> None:
    process = serving(start, inside)
    answer = pilothouse("serve", "--json", timeout=4)
    assert (answer.code, answer.json["error"]["code"]) == (4, "engine_running")
    assert answer.json["error"]["details"]["pid"] == process.pid
    assert f"pid {process.pid}" in inside("--no-ui").err


def test_verbs_attach_to_the_engine_that_runs(
    start: Start, inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    process = serving(start, inside)
    goal_file(project, GATED)
    answer = inside("run", "goal.yaml", "--no-ui", "--json", *PROCESS)
    assert answer.code == 5, answer
    assert engine(inside)["pid"] == process.pid
    [pending] = inside("decisions", "--json").json
    decide = inside("decide", pending["id"], "approve", "--version", str(pending["version"]))
    assert decide.code == 0
    assert decide.err == ""
    assert inside("--no-ui", "--until", "idle").code == 0
    assert inside("status", pending["goal"], "--json").json["goals"][0]["state"] == "done"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert {"decision.opened", "decision.answered", "goal.ended"} <= set(types(decoded(out)))


def test_stop_ends_the_engine_and_waits_for_it(
    start: Start, pilothouse: Pilothouse, project: Path, inside: Pilothouse
) -> None:
    process = serving(start, inside)
    answer = pilothouse("stop", "--drain", "--json")
    assert (answer.code, answer.json["engine"]["pid"]) == (0, process.pid)
    assert process.wait(10) == 0
    assert inside("stop").code == 69


@pytest.mark.usefixtures("background")
def test_detach_leaves_the_goal_to_an_engine_of_its_own_session(
    inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, GATED)
    answer = pilothouse("run", "goal.yaml", "--detach", *PROCESS)
    assert answer.code == 0, answer
    goal = answer.out.strip()
    told = engine(inside)
    assert told["state"] == "running"
    assert os.getsid(told["pid"]) == told["pid"]
    again = inside("run", "goal.yaml", "--detach", "--json", *PROCESS)
    assert again.json["pid"] == told["pid"]
    eventually(lambda: len(inside("decisions", "--json").json) == 2)
    assert goal in {wait["goal"] for wait in inside("decisions", "--json").json}
    assert (project / ".pilothouse" / "engine.log").exists()


@pytest.mark.usefixtures("background")
def test_detach_outlasts_whoever_holds_the_project_for_a_moment(
    inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, GATED)
    paths = ProjectPaths(project)
    paths.create()
    visit = InstanceLock(paths.lock)
    visit.acquire()
    leaving = Timer(4, visit.release)  # longer than one start waits
    leaving.start()
    answer = pilothouse("run", "goal.yaml", "--detach", *PROCESS)
    leaving.join()
    assert answer.code == 0, answer
    assert engine(inside)["state"] == "running"


def test_detach_says_why_the_engine_did_not_come_up(inside: Pilothouse, pilothouse: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: x\nrun: echo x\n")
    (project / ".pilothouse").mkdir()
    (project / ".pilothouse" / "engine.db").write_text("this is no database", encoding="utf-8")
    answer = pilothouse("run", "goal.yaml", "--detach", "--json", timeout=20)
    assert answer.code == 69, answer
    assert "did not come up" in answer.json["error"]["message"]
    assert inside("status", "--json").json["error"]["code"] == "store"
    assert (project / ".pilothouse" / "engine.db").read_text(encoding="utf-8") == "this is no database"


@pytest.mark.parametrize("runtime", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_r91_kill_9_and_start_again_one_run_with_its_own_exit_code(
    runtime: str, start: Start, inside: Pilothouse, project: Path, request: pytest.FixtureRequest
) -> None:
    if runtime == "docker":
        request.getfixturevalue("sandbox_image")
    goal_file(project, f"goal: Nap\ntasks:\n  - {{id: nap, run: 'echo awake; {HELD}; echo rested; exit 7'}}\n")
    first = start("run", "goal.yaml", "--no-ui", "--json", "--runtime", runtime)
    [created] = [line for line in heard(first, "run.started") if line["type"] == "sandbox.created"]
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = start("--no-ui", "--until", "idle")
    lines = heard(second, "sandbox.adopted")
    let_go(project, created["run"])
    lines += decoded(second.communicate(timeout=60)[0])
    assert second.wait() == 1, lines[-5:]
    [adopted] = [line["data"] for line in lines if line["type"] == "sandbox.adopted"]
    assert (adopted["name"], adopted["container_id"]) == (created["data"]["name"], created["data"]["container_id"])
    ended = [line for line in lines if line["type"] == "run.ended"]
    assert [(line["run"], line["data"]["exit_code"]) for line in ended] == [(created["run"], 7)]
    goal = created["goal"]
    assert inside("logs", f"{goal}/nap").out == "awake\nrested\n"
    assert inside("tree", goal, "--json").json["children"][0]["runs"] == 1


def test_cancel_ends_a_goal_for_good(start: Start, inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Nap\ntasks:\n  - {id: nap, run: 'echo awake; sleep 61.7'}\n")
    process = start("run", "goal.yaml", "--no-ui", "--json", *PROCESS)
    [sandbox] = eventually(lambda: [s for s in inside("sandboxes", "--json").json if s["state"] == "running"])
    answer = inside("cancel", sandbox["goal"], "--reason", "no longer wanted", "--json")
    assert answer.code == 0, answer
    assert answer.json["state"] == "cancelled"
    assert "no longer wanted" in answer.json["cause"]
    out, _ = process.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert (last.get("state"), last.get("exit_code")) == ("cancelled", process.returncode), out
    assert process.returncode != 0
    assert inside("cancel", sandbox["goal"]).code == 4
    assert not [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-1:] == ["61.7"]]


def test_logs_follow_a_run_to_its_end(start: Start, inside: Pilothouse, project: Path) -> None:
    goal_file(project, f"goal: Talk\ntasks:\n  - {{id: talk, run: 'echo one; {HELD}; echo two >&2; echo three'}}\n")
    running = start("run", "goal.yaml", "--no-ui", *PROCESS)
    [sandbox] = eventually(lambda: [s for s in inside("sandboxes", "--json").json if s["state"] == "running"])
    follower = start("logs", sandbox["run"], "-f", "--json")
    assert follower.stdout is not None
    first = follower.stdout.readline()
    assert json.loads(first)["text"] == "one", "while it runs"
    let_go(project, sandbox["run"])
    lines = decoded(first + follower.communicate(timeout=60)[0])
    assert [line["text"] for line in lines if line["stream"] != "note"] == ["one", "two", "three"]
    assert set(lines[0]) == {"n", "at", "stream", "text"}
    assert running.wait(20) == 0
    talk = f"{sandbox['goal']}/talk"
    assert inside("logs", talk, "--stream", "err").out == "two\n"
    assert inside("logs", talk, "--grep", "^t").out == "two\nthree\n"
    assert inside("logs", talk, "--since", "1h").out == "one\ntwo\nthree\n"
    assert "three" in inside("logs", talk, "--tail", "2").out
    assert inside("logs", talk, "--grep", "^t", "--tail", "1", "--stream", "out", "--since", "1h").out == "three\n"
    assert inside("logs", talk, "--grep", "^o", "-f").out == "one\n"
    assert inside("logs", talk, "--grep", "[a").code == 2
    assert inside("logs", talk, "-f").out == "one\ntwo\nthree\n"


def test_events_follow_across_engines_each_once(
    start: Start, inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    inside("run", "goal.yaml", "--no-ui", *PROCESS)
    stored = inside("events", "--json").lines
    follower = start("events", "-f", "--json")
    assert follower.stdout is not None
    seen = [json.loads(follower.stdout.readline()) for _ in stored]
    assert seen == stored
    assert inside("run", "goal.yaml", "--no-ui", *PROCESS).code == 0
    while seen[-1]["type"] != "goal.ended" or len(seen) == len(stored):
        seen.append(json.loads(follower.stdout.readline()))
    follower.send_signal(signal.SIGINT)
    assert follower.wait(10) == 130
    numbers = [event["seq"] for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    tail = inside("events", "--after", str(numbers[-1] - 1), "--json").lines
    assert tail[0] == seen[-1]


def test_many_visits_at_once_take_turns(start: Start, inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    inside("run", "goal.yaml", "--no-ui", *PROCESS)
    visits = [start("status", "--json") for _ in range(3)]
    for visit in visits:
        out, err = visit.communicate(timeout=30)
        assert visit.returncode == 0, err
        assert json.loads(out)["goals"][0]["state"] == "done"
