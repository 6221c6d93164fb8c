"""R91 and R92: kill -9 of the engine while a sandbox runs, then start again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from commands import HELD, let_go, pilothouse, watched, write_goal

pytestmark = pytest.mark.docker

GOAL = f"""
goal: sleep and fail
tasks:
  - id: sleeper
    run: "echo before; {HELD}; echo after; exit 7"
"""


@pytest.fixture
def daemon(docker_host: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=docker_host, timeout=20)
    yield client
    client.close()


@pytest.mark.parametrize("ends_meanwhile", [False, True], ids=["still-running", "ended-meanwhile"])
def test_case_28_r91_the_same_container_is_adopted_and_its_real_exit_code_kept(
    containers: Path, daemon: docker.DockerClient, ends_meanwhile: bool
) -> None:
    goal = write_goal(containers, GOAL)
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker") as first:
        created = first.until_type("sandbox.created")
        first.until(lambda event: event["type"] == "run.started")
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    container = daemon.containers.get(created["data"]["container_id"])
    if ends_meanwhile:
        let_go(containers, created["run"])
        assert container.wait(timeout=20)["StatusCode"] == 7
    else:
        assert container.status == "running"

    with watched(containers, "--no-ui", "--until", "idle", "--json") as second:
        adopted = second.until_type("sandbox.adopted")
        if not ends_meanwhile:
            let_go(containers, created["run"])
        ended = second.until_type("run.ended")
        second.finish()
    assert adopted["data"]["container_id"] == created["data"]["container_id"]
    assert adopted["run"] == ended["run"] == created["run"]
    assert (ended["data"]["cause"], ended["data"]["exit_code"]) == ("exit", 7)

    kinds = [event["type"] for event in first.events + second.events]
    assert kinds.count("run.created") == 1, "one run, whatever happened to the engine"
    assert "sandbox.created" not in [event["type"] for event in second.events]
    task = pilothouse(containers, "tree", created["goal"], "--json").json()["children"][0]
    assert (task["state"], task["runs"]) == ("failed", 1)
    lines = pilothouse(containers, "logs", created["run"]).out.splitlines()
    assert lines == ["before", "after"]
    with pytest.raises(docker.errors.NotFound):
        daemon.containers.get(created["data"]["container_id"])


def test_r99_after_kill_9_the_next_engine_starts_at_once(containers: Path) -> None:
    goal = write_goal(containers, "goal: quick\ntasks:\n  - {id: one, run: 'true'}\n")
    with watched(containers, "--no-ui", "--json") as first:
        first.until_type("engine.started")
        first.process.kill()
        first.process.wait()
    done = pilothouse(containers, "run", goal, "--no-ui")
    assert done.code == 0, done.err
