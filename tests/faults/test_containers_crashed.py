"""Case 29: the engine dies between the store's word, the container and its start; the next one makes it one story."""

import asyncio
import sys
from pathlib import Path

import pytest
from container_engine import OpenEngine
from private_daemon import PrivateDaemon

from engine.events import EventType
from engine.sandbox.image import DEFAULT_IMAGE

pytestmark = pytest.mark.docker

PROGRAM = Path(__file__).with_name("dying_at_container.py")


@pytest.mark.parametrize("step", ["create", "start", "row"])
async def test_case_29_one_row_one_container_one_end_wherever_the_engine_dies(
    step: str, private_daemon: PrivateDaemon, project: Path, open_engine: OpenEngine
) -> None:
    dying = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, project, private_daemon.host, step)
    assert await asyncio.wait_for(dying.wait(), 30) == 137
    left = await asyncio.to_thread(private_daemon.containers)
    assert [row["State"] for row in left] == {"create": [], "start": ["created"], "row": ["running"]}[step]

    bench = await open_engine(private_daemon.host)
    (created,) = await bench.until_type(EventType.RUN_CREATED)
    prefix = str(created.data["sandbox"]).rpartition("-r-")[0]
    stranger = f"{prefix}-r-0000000000"
    with private_daemon.client() as client:
        host = client.create_host_config(network_mode="none", init=True)
        made = await asyncio.to_thread(
            client.create_container, DEFAULT_IMAGE, ["sleep", "600"], name=stranger, host_config=host
        )
        await asyncio.to_thread(client.start, made)
        await bench.until_type(EventType.RUN_STARTED)
        bench.let_go(str(created.run))
        (ended,) = await bench.until_type(EventType.RUN_ENDED)
        assert (ended.run, ended.data["cause"], ended.data["exit_code"]) == (created.run, "exit", 7)
        assert len(await bench.events(EventType.RUN_CREATED)) == 1
        assert await bench.lines(str(created.run)) == ["once"]
        await bench.until_type(EventType.SANDBOX_REMOVED)
        rows = await asyncio.to_thread(private_daemon.containers)
        assert [(row["Names"], row["State"]) for row in rows] == [([f"/{stranger}"], "running")]
