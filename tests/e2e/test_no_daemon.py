"""R44: without a daemon one clear sentence, and processes only under `--runtime auto`, which says so."""

from pathlib import Path

from commands import pilothouse, write_goal

GOAL = "goal: quick\ntasks:\n  - {id: one, run: echo done by a process}\n"


def absent(project: Path) -> dict[str, str]:
    return {"DOCKER_HOST": f"unix://{project}/none.sock"}


def test_r44_docker_that_was_asked_for_and_is_absent_is_one_clear_sentence(project: Path) -> None:
    goal = write_goal(project, GOAL)
    done = pilothouse(project, "run", goal, "--no-ui", "--runtime", "docker", environ=absent(project))
    assert done.code == 69
    assert done.out == ""
    assert f"no container daemon answers at unix://{project}/none.sock" in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3
    assert pilothouse(project, "status", "--json").json()["goals"] == []


def test_r44_auto_takes_processes_and_says_so(project: Path) -> None:
    goal = write_goal(project, GOAL)
    done = pilothouse(project, "run", goal, "--no-ui", "--runtime", "auto", environ=absent(project))
    assert done.code == 0, done.err
    assert "No container daemon answers" in done.err
    goal_id = pilothouse(project, "status", "--json").json()["goals"][0]["id"]
    assert pilothouse(project, "logs", f"{goal_id}/one").out == "done by a process\n"


def test_r44_doctor_says_what_to_do(project: Path) -> None:
    done = pilothouse(project, "doctor", environ=absent(project))
    assert done.code == 1
    assert "none.sock" in done.out
    assert "--runtime process" in done.out
