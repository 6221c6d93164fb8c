"""A project whose containers are gone when its test is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import pilothouse


@pytest.fixture
def containers(project: Path, docker_host: str, sandbox_image: str) -> Iterator[Path]:
    """The project folder; afterwards no container carries its engine id."""
    import docker

    yield project
    if not (project / ".pilothouse").is_dir():
        return
    pilothouse(project, "stop")
    engine = pilothouse(project, "status", "--json").json()["engine"]["id"]
    client = docker.DockerClient(base_url=docker_host, timeout=20)
    try:
        for left in client.containers.list(all=True, filters={"label": f"pilothouse.engine={engine}"}):
            left.remove(force=True)
    finally:
        client.close()
