"""The demo: from nothing to a change that a person let through into a real git repository."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest
from cli_process import Answered, Pilothouse

from tui.cli.call import Call
from tui.cli.verbs_demo import demo_place


def git(folder: Path, *args: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=test@localhost", *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def log(folder: Path) -> list[str]:
    return git(folder, "log", "--format=%s").splitlines()


def without_pauses(folder: Path) -> None:
    """The demo takes its time, so that there is something to watch; a test has seen it before."""
    file = folder / "goal.yaml"
    text, changed = re.subn(r'pace: "[0-9.]+"', 'pace: "0"', file.read_text(encoding="utf-8"))
    assert changed == 1
    file.write_text(text, encoding="utf-8")
    git(folder, "commit", "--quiet", "--all", "-m", "No pauses")


def through_the_gate(pilothouse: Pilothouse, answer: Answered, folder: Path) -> Any:
    """Check the stop at the gate, approve, and see the goal end; its final line."""
    assert answer.code == 5, answer
    assert answer.lines[0] == {"type": "demo.ready", "project": str(folder)}
    assert (answer.lines[-1]["type"], answer.lines[-1]["exit_code"]) == ("goal.ended", 5)
    here = ("--project", str(folder))
    [pending] = pilothouse(*here, "decisions", "--json").json
    assert "hour < 12" in pilothouse(*here, "diff", pending["goal"]).out
    before = log(folder)
    assert pilothouse(*here, "decide", pending["id"], "approve", "--version", str(pending["version"])).code == 0
    rest = pilothouse(*here, "--no-ui", "--until", "idle")
    assert rest.code == 0, rest
    assert log(folder)[1:] == before
    assert git(folder, "status", "--short") == ""
    return pilothouse(*here, "status", pending["goal"], "--json").json["goals"][0]


def test_the_demo_with_processes_goes_on_where_it_stands_and_ends_merged(
    pilothouse: Pilothouse, inside: Pilothouse, project: Path
) -> None:
    folder = project / "pilothouse-demo"
    asyncio.run(demo_place(Call(folder=folder), None))
    without_pauses(folder)
    env = {"PILOTHOUSE_RUNTIME": "process"}
    first = pilothouse("demo", "--no-ui", **env)
    assert first.code == 5, first
    assert f"the demo project is in {folder}" in first.err
    assert f"pilothouse --project {folder} decide" in first.err
    answer = inside("demo", "--no-ui", "--json", **env)
    assert len(inside("--project", str(folder), "status", "--json").json["goals"]) == 1
    assert through_the_gate(inside, answer, folder)["state"] == "done"
    assert inside("demo", str(folder), "--no-ui", "--json").code == 4
    beside, goal = asyncio.run(demo_place(Call(), None))
    assert (beside.paths.root, goal) == (folder.with_name("pilothouse-demo-2"), None)
    assert log(beside.paths.root) == log(folder)[-1:]


def test_a_folder_that_is_no_demo_is_left_alone(inside: Pilothouse, project: Path) -> None:
    (project / "mine.txt").write_text("mine", encoding="utf-8")
    answer = inside("demo", ".", "--no-ui")
    assert answer.code == 2
    assert [path.name for path in project.iterdir()] == ["mine.txt"]


@pytest.mark.docker
@pytest.mark.usefixtures("sandbox_image")
def test_the_demo_in_real_containers_ends_merged(inside: Pilothouse, project: Path, docker_host: str) -> None:
    answer = inside("demo", "--no-ui", "--json")
    created = [line["data"] for line in answer.lines if line["type"] == "sandbox.created"]
    assert len(created) >= 6
    assert all(data["container_id"] for data in created)
    goal = through_the_gate(inside, answer, project / "pilothouse-demo")
    assert goal["state"] == "done"
    client = docker.DockerClient(base_url=docker_host)
    left = client.containers.list(all=True, filters={"name": [data["name"] for data in created]})
    client.close()
    assert left == []
