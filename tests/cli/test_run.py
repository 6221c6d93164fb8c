"""Goals without UI, with real sandboxes: JSON lines, exit codes, gates (R128, R129)."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Pilothouse, eventually
from goal_files import FAILING, GATED, SLEEPING, decoded, goal_file, types

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
RUN = ("run", "goal.yaml", "--no-ui", "--runtime", "process", "--allow-unconfined")


def test_r128_a_goal_that_is_done_ends_with_goal_ended_and_0(
    inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, "goal: Greet {{ who }}\nvars: {who: world}\nrun: echo hello {{ who }}\n")
    answer = pilothouse(*RUN, "--json", "--set", "who=moon")
    assert answer.code == 0, answer
    for line in answer.lines[:-1]:
        assert set(line) == {"seq", "at", "type", "goal", "task", "run", "data"}
    last = answer.lines[-1]
    assert (last["type"], last["state"], last["exit_code"]) == ("goal.ended", "done", 0)
    assert types(answer.lines).count("goal.ended") == 1
    assert {"goal.created", "run.started", "sandbox.created", "run.ended"} <= set(types(answer.lines))
    [created] = [line for line in answer.lines if line["type"] == "sandbox.created"]
    assert created["data"]["name"].startswith("ph-")
    goal = last["goal"]
    tree = inside("tree", goal, "--json").json
    assert {"id", "key", "title", "kind", "state", "version", "cause", "runs", "children"} <= set(tree)
    [status] = inside("status", "--json").json["goals"]
    assert (status["id"], status["title"], status["state"], status["progress"]) == (goal, "Greet moon", "done", [1, 1])
    assert inside("logs", goal).out == "hello moon\n"
    assert not (project / ".pilothouse" / "engine.sock").exists()
    assert not (project / ".pilothouse" / "engine.lock").exists()


def test_without_json_stdout_has_the_result_and_stderr_the_story(inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    answer = inside(*RUN)
    assert answer.code == 0, answer
    [result] = answer.out.splitlines()
    assert result.startswith("g-")
    assert result.endswith(" done")
    assert "run.ended" in answer.err


def test_the_story_calls_tasks_by_their_keys_only(inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Two\ntasks:\n  - {id: one, run: 'true'}\n  - {id: two, run: 'true'}\n")
    answer = inside(*RUN)
    assert answer.code == 0, answer
    told = {line.split()[2].rstrip(":") for line in answer.err.splitlines() if " task." in line}
    assert told == {"one", "two"}


def test_a_failed_task_is_1_and_its_end_is_explained(inside: Pilothouse, project: Path) -> None:
    goal_file(project, FAILING)
    answer = inside(*RUN)
    assert answer.code == 1, answer
    assert "the last words" in answer.err
    goal = answer.out.split()[0]
    proof = inside("why", f"{goal}/broken", "--json").json
    assert proof["state"] == "failed"
    assert proof["last_lines"] == ["the last words"]
    assert "3" in proof["summary"] + " ".join(proof["reasons"])


def test_r129_a_gate_is_5_and_the_story_goes_on_by_decide(
    inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, GATED)
    answer = pilothouse(*RUN, "--json")
    assert answer.code == 5, answer
    last = answer.lines[-1]
    assert (last["type"], last["exit_code"], last["state"]) == ("goal.ended", 5, "active")
    [pending] = inside("decisions", "--json").json
    shape = {"id", "version", "kind", "goal", "task", "question", "options", "risk", "deadline", "opened_at", "blocks"}
    assert shape <= set(pending)
    assert [wait["id"] for wait in last["waiting_on"] if wait["kind"] == "decision"] == [pending["id"]]
    version = str(pending["version"])

    stale = inside("decide", pending["id"], "approve", "--version", str(pending["version"] + 1), "--json")
    assert (stale.code, stale.json["error"]["code"]) == (4, "stale_version")
    answered = inside("decide", pending["id"], "approve", "--version", version, "--json")
    assert (answered.code, answered.json["answer"], answered.json["via"]) == (0, "approve", "cli")
    again = inside("decide", pending["id"], "approve", "--version", version)
    assert again.code == 4
    assert inside("decisions", "--json").json == []

    rest = pilothouse("--no-ui", "--until", "idle")
    assert rest.code == 0, rest
    assert "goal.ended" in types(rest.lines)
    goal = pending["goal"]
    assert inside("status", goal, "--json").json["goals"][0]["state"] == "done"
    assert inside("logs", f"{goal}/after").out == "shipped\n"


def test_r129_exit_5_names_the_commands_that_go_on(inside: Pilothouse, project: Path) -> None:
    goal_file(project, GATED)
    answer = inside(*RUN)
    assert answer.code == 5, answer
    [pending] = inside("decisions", "--json").json
    assert f"pilothouse decide {pending['id']} approve --version {pending['version']}" in answer.err
    assert "pilothouse --no-ui --until idle" in answer.err
    assert inside("--no-ui", "--until", "idle").code == 5


def test_a_rejected_gate_is_6(start: Start, inside: Pilothouse, pilothouse: Pilothouse, project: Path) -> None:
    goal_file(project, GATED)
    waiting = start(*RUN, "--on-gate", "wait", "--json")
    [pending] = eventually(lambda: inside("decisions", "--json").json)
    answer = ("decide", pending["id"], "reject", "--version", str(pending["version"]))
    assert pilothouse(*answer, "--feedback-file", "-", stdin="not good enough").code == 0
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 6, (out, err)
    assert decoded(out)[-1]["exit_code"] == 6
    assert "not good enough" in inside("why", f"{pending['goal']}/ship").out


def test_a_gate_rejected_while_no_engine_ran_is_6_for_the_next_one(inside: Pilothouse, project: Path) -> None:
    goal_file(project, GATED)
    assert inside(*RUN).code == 5
    [pending] = inside("decisions", "--json").json
    answer = ("decide", pending["id"], "reject", "--version", str(pending["version"]), "--feedback", "no")
    assert inside(*answer).code == 0
    assert inside("--no-ui", "--until", "idle").code == 6
    assert inside("--no-ui", "--until", "idle").code == 0


def test_a_deadline_is_7(inside: Pilothouse, project: Path) -> None:
    gate = "gate: {kind: human_approval, question: Now?, deadline: 1s, on_deadline: fail}"
    goal_file(project, f"goal: Hurry\ntasks:\n  - id: soon\n    {gate}\n")
    answer = inside(*RUN, "--on-gate", "wait", "--json")
    assert answer.code == 7, answer
    assert answer.lines[-1]["exit_code"] == 7


def test_r129_approve_is_only_by_order(inside: Pilothouse, project: Path) -> None:
    goal_file(project, GATED)
    answer = inside(*RUN, "--on-gate", "approve", "--json")
    assert answer.code == 0, answer
    [answered] = [line for line in answer.lines if line["type"] == "decision.answered"]
    assert answered["data"]["answer"] == "approve"


def test_unknown_ids_are_3(inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    assert inside(*RUN).code == 0
    for verb in ("tree", "why", "logs", "diff", "cancel", "status"):
        answer = inside(verb, "g-0000000000", "--json")
        assert (answer.code, answer.json["error"]["code"]) == (3, "not_found"), verb
    assert inside("decide", "d-0000000000", "approve", "--version", "1").code == 3
    assert inside("undo", "d-0000000000").code == 3


def test_no_daemon_is_69_under_docker_and_a_notice_under_auto(
    inside: Pilothouse, pilothouse: Pilothouse, project: Path
) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    nobody = {"DOCKER_HOST": f"unix://{project}/nobody.sock"}
    refused = pilothouse("run", "goal.yaml", "--no-ui", "--runtime", "docker", "--json", **nobody)
    assert (refused.code, refused.json["error"]["code"]) == (69, "daemon_unavailable")
    assert inside("status", "--json").json["goals"] == []
    auto = pilothouse("run", "goal.yaml", "--no-ui", "--runtime", "auto", **nobody)
    assert auto.code == 0, auto
    assert "daemon" in auto.err
    assert pilothouse("stop", "--json").json["error"]["code"] == "engine_unavailable"
    assert pilothouse("stop").code == 69


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_r98_two_signals_end_a_run_at_once(
    number: signal.Signals, code: int, start: Start, inside: Pilothouse, project: Path
) -> None:
    goal_file(project, SLEEPING)
    process = start(*RUN)
    goal = eventually(lambda: inside("status", "--json").json["goals"])[0]["id"]
    eventually(lambda: "awake" in inside("logs", f"{goal}/nap").out)
    process.send_signal(number)
    assert process.stderr is not None
    assert any("finishing 1 live run" in line for line in process.stderr)
    process.send_signal(number)
    assert process.wait(20) == code
    assert not (project / ".pilothouse" / "engine.lock").exists()
    assert inside("sandboxes", "--json").json == []


def test_r128_a_headless_run_loads_no_screen(run_python: Callable[[str], str], project: Path) -> None:
    goal_file(project, "goal: Greet\nrun: echo hello\n")
    code = f"""
import sys
from tui.cli.main import main
try:
    main(["--project", {str(project)!r}, "run", {str(project / "goal.yaml")!r}, "--no-ui", "--runtime", "process"])
except SystemExit as end:
    assert not end.code, end.code
print("loaded", *[name for name in ("textual", "rich.live", "tui.app") if name in sys.modules])
"""
    assert run_python(code).splitlines()[-1] == "loaded"
