"""R41 and R45: a container of the name we would give, made by a stranger, is named in the error and left alone."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from engine.api import CreateGoal
from engine.events import Event, EventType
from engine.ids import Kind, random_id, sandbox_name
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DecisionKind, Runtime, TaskState
from engine.settings import load_settings

pytestmark = pytest.mark.docker

GOAL = "goal: taken\ntasks:\n  - {id: one, run: echo never}\n"


class Foretold:
    """Random ids that are known before they are asked for."""

    def __init__(self) -> None:
        self.first = {kind: random_id(kind) for kind in Kind}
        self._given: set[Kind] = set()

    def __call__(self, kind: Kind) -> str:
        if kind in self._given:
            return random_id(kind)
        self._given.add(kind)
        return self.first[kind]


@pytest.fixture
def ids() -> Foretold:
    return Foretold()


@pytest.fixture
def stranger(ids: Foretold, docker_host: str, sandbox_image: str) -> Iterator[Container]:
    """A stopped container that is not ours, with the name that is about to be ours."""
    client = docker.DockerClient(base_url=docker_host, timeout=20)
    name = sandbox_name(ids.first[Kind.ENGINE], ids.first[Kind.RUN])
    container = client.containers.create(sandbox_image, ["true"], name=name, network_mode="none")
    yield container
    container.remove(force=True)
    client.close()


async def until(engine: LocalEngine, wanted: EventType) -> Event:
    async for update in engine.subscribe(0):
        if isinstance(update, Event) and update.type is wanted:
            return update
    raise AssertionError("the engine closed before that")


async def test_r41_a_stranger_with_our_name_is_left_alone_and_named(
    project: Path, docker_host: str, ids: Foretold, stranger: Container
) -> None:
    settings = load_settings(project / "none.toml", environ={"DOCKER_HOST": docker_host})
    engine = await open_local(project, settings, ids=ids)
    try:
        goal = await engine.create_goal(CreateGoal(source=GOAL, runtime=Runtime.DOCKER))
        await until(engine, EventType.DECISION_OPENED)
        (decision,) = await engine.decisions()
        why = await engine.why(f"{goal.id}/one")
        task = await engine.task(f"{goal.id}/one")
    finally:
        await engine.close()
    assert decision.kind is DecisionKind.SPAWN_FAILURE
    assert task.state is TaskState.BLOCKED
    assert str(stranger.name) in "\n".join((why.summary, *why.reasons))
    stranger.reload()
    assert stranger.status == "created"
