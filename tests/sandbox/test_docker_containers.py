"""Real containers: what they are, who they belong to, how they begin."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.errors import NotFound as NoContainer

from engine.errors import ImageNotFound, Invalid, NameTaken, NotFound
from engine.ids import SafeName
from engine.paths import ProjectPaths
from engine.sandbox.docker_calls import THREADS
from engine.sandbox.docker_driver import DockerDriver
from engine.sandbox.docker_spec import container_config
from engine.sandbox.driver import Driver, Mount, SandboxSpec

pytestmark = pytest.mark.docker
MakeSpec = Callable[..., SandboxSpec]
Start = Callable[..., Awaitable[SafeName]]
Stranger = Callable[..., Awaitable[str]]
USER = "10001:10001" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"


@pytest.fixture
def client(docker_host: str) -> Iterator[APIClient]:
    client = APIClient(base_url=docker_host, timeout=20)
    yield client
    client.close()


@pytest.fixture
async def stranger(client: APIClient, sandbox_image: str) -> AsyncIterator[Stranger]:
    """Makes containers that are not this engine's; they are removed afterwards."""
    made: list[str] = []

    async def make(name: str, labels: dict[str, str]) -> str:
        config = {"Image": sandbox_image, "Cmd": ["sleep", "60"], "Labels": labels}
        made.append((await asyncio.to_thread(client.create_container_from_config, config, name))["Id"])
        await asyncio.to_thread(client.start, made[-1])
        return made[-1]

    yield make
    for container in made:
        await asyncio.to_thread(client.remove_container, container, force=True)


async def output_of(driver: DockerDriver, name: SafeName) -> list[str]:
    async with aclosing(driver.logs(name, None)) as found:  # type: ignore[type-var]  # it is a generator
        return [chunk.data.decode().rstrip("\n") async for chunk in found]


def test_it_is_a_driver(driver: DockerDriver) -> None:
    checked: Driver = driver
    assert checked.name == "docker"


async def test_case_37_r43_inspect_shows_every_default_of_hardening_section_2(
    driver: DockerDriver, start: Start, client: APIClient, engine_id: str, paths: ProjectPaths
) -> None:
    name = await start("true", memory=96 << 20, cpus=0.5, pids=77, env={"K": "v"})
    info: dict[str, Any] = client.inspect_container(name)
    config, host = info["Config"], info["HostConfig"]
    assert name.startswith(f"ph-{engine_id[2:10]}-r-")
    assert config["User"] == USER
    assert (config["Tty"], config["OpenStdin"], config["AttachStdin"]) == (False, False, False)
    assert config["Labels"]["pilothouse.engine"] == engine_id
    assert "K=v" in config["Env"]
    expected = {
        "CapDrop": ["ALL"], "CapAdd": None, "SecurityOpt": ["no-new-privileges:true"], "Privileged": False,
        "ReadonlyRootfs": True, "Memory": 96 << 20, "MemorySwap": 96 << 20, "NanoCpus": 500_000_000, "PidsLimit": 77,
        "ShmSize": 64 << 20, "IpcMode": "private", "OomScoreAdj": 500, "NetworkMode": "none", "Init": True,
        "AutoRemove": False, "PidMode": "", "UTSMode": "", "UsernsMode": "", "Devices": None, "VolumesFrom": None,
        "Binds": None, "PublishAllPorts": False, "OomKillDisable": False,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }  # fmt: skip
    assert {key: host[key] or (None if expected[key] is None else host[key]) for key in expected} == expected
    assert host["RestartPolicy"]["Name"] == "no"
    assert {(limit["Name"], limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]} == {
        ("nofile", 4096, 4096), ("core", 0, 0)}  # fmt: skip
    uid = USER.split(":")[0]
    for folder in ("/tmp", "/run"):
        options = host["Tmpfs"][folder].split(",")
        assert {"nosuid", "nodev", "noexec", f"uid={uid}"} < set(options)
        assert any(option.startswith("size=") for option in options)
    (mount,) = info["Mounts"]
    assert (mount["Type"], mount["Destination"], mount["RW"]) == ("bind", "/workspace", True)
    assert Path(mount["Source"]).is_relative_to(paths.work)


INSIDE = r"""
grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
id -u
pwd
touch made && echo workspace-writable
touch /etc/x 2>/dev/null || echo root-read-only
printf '#!/bin/sh\necho ran' > /tmp/x; chmod +x /tmp/x; /tmp/x 2>/dev/null || echo tmp-noexec
touch /run/inputs/x 2>/dev/null || cat /run/inputs/given
touch /run/mine && echo run-writable
ls /sys/class/net
ls /var/run/docker.sock /run/docker.sock 2>/dev/null || echo no-daemon
mount -t tmpfs none /mnt 2>/dev/null || echo no-mount
cat; echo stdin-closed
"""


async def test_r43_inside_there_is_nothing_to_escalate_with(
    driver: DockerDriver, start: Start, paths: ProjectPaths
) -> None:
    inputs = paths.work / "inputs"
    inputs.mkdir()
    (inputs / "given").write_text("given\n")
    name = await start(INSIDE, mounts=(Mount(inputs, "/run/inputs", read_only=True),))
    assert (await driver.wait(name)).code == 0
    lines = [line.replace("\t", " ") for line in await output_of(driver, name)]
    zero = "0000000000000000"
    assert lines[:5] == [f"CapPrm: {zero}", f"CapEff: {zero}", f"CapBnd: {zero}", "NoNewPrivs: 1", "Seccomp: 2"]
    assert lines[5:] == [
        USER.split(":")[0], "/workspace", "workspace-writable", "root-read-only", "tmp-noexec", "given", "run-writable",
        "lo", "no-daemon", "no-mount", "stdin-closed",
    ]  # fmt: skip


async def test_starting_twice_is_one_container_also_from_a_new_engine_process(
    driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str, docker_host: str, engine_id: str, paths: ProjectPaths
) -> None:
    spec = make_spec("sleep 60", sandbox_image)
    first = await driver.start(spec)
    again = await driver.start(spec)
    assert (first.adopted, again.adopted) == (False, True)
    assert first.container_id == again.container_id
    restarted = DockerDriver(docker_host, engine_id, paths)
    adopted = await restarted.start(spec)
    await restarted.close()
    assert (adopted.adopted, adopted.container_id) == (True, first.container_id)
    assert len(await driver.list_owned()) == 1


async def test_a_container_created_before_a_crash_is_started_when_adopted(
    driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str, client: APIClient, engine_id: str
) -> None:
    spec = make_spec("exit 3", sandbox_image)
    client.create_container_from_config(container_config(spec, engine_id, []), spec.name)
    (owned,) = await driver.list_owned()
    assert (owned.name, owned.running) == (spec.name, False)
    assert (await driver.wait(spec.name)).code is None
    assert (await driver.start(spec)).adopted
    assert (await driver.wait(spec.name)).code == 3


@pytest.mark.parametrize("whose", ["nobody", "another engine", "a longer id", "another run"])
async def test_r41_a_strangers_container_of_the_name_is_refused_and_left_alone(
    whose: str, driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str, client: APIClient,
    engine_id: str, stranger: Stranger,
) -> None:  # fmt: skip
    spec = make_spec("true", sandbox_image)
    labels = {
        "nobody": {},
        "another engine": {"pilothouse.engine": "e-another000", "pilothouse.run": spec.labels["pilothouse.run"]},
        "a longer id": {"pilothouse.engine": engine_id + "x", "pilothouse.run": spec.labels["pilothouse.run"]},
        "another run": {"pilothouse.engine": engine_id, "pilothouse.run": "r-another000"},
    }[whose]
    container = await stranger(spec.name, labels)
    with pytest.raises(NameTaken) as caught:
        await driver.start(spec)
    assert spec.name in caught.value.message
    if whose != "another run":
        for call in (driver.stop(spec.name, 1), driver.kill(spec.name), driver.remove(spec.name)):
            with pytest.raises(NameTaken):
                await call
        assert (await driver.wait(spec.name)).lost
        assert await driver.list_owned() == []
    assert client.inspect_container(container)["State"]["Running"]


async def test_r41_a_name_never_matches_the_id_of_a_container(
    driver: DockerDriver, stranger: Stranger, engine_id: str, client: APIClient
) -> None:
    container = await stranger("ph-" + engine_id[2:] + "-x", {"pilothouse.engine": engine_id})
    for name in (SafeName(container), SafeName(container[:12])):
        await driver.kill(name)
        await driver.remove(name)
        assert (await driver.wait(name)).lost
    assert client.inspect_container(container)["State"]["Running"]


async def test_r44_a_missing_image_is_named_with_the_way_out(driver: DockerDriver, make_spec: MakeSpec) -> None:
    for call in (driver.start(make_spec("true", "nobody/nothing:9")), driver.require_image("nobody/nothing:9")):
        with pytest.raises(ImageNotFound) as caught:
            await call
        assert "nobody/nothing:9" in caught.value.message
        assert "pilothouse image build" in caught.value.hint


async def test_auto_is_the_default_image(driver: DockerDriver, sandbox_image: str) -> None:
    assert await driver.require_image("auto") == sandbox_image


async def test_a_command_that_is_not_there_ends_with_127_and_says_so(driver: DockerDriver, start: Start) -> None:
    name = await start("", argv=("no-such-program",))
    assert (await driver.wait(name)).code == 127
    assert "no-such-program" in "".join(await output_of(driver, name))


async def test_a_container_that_can_never_run_is_invalid_and_leaves_nothing(
    driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str, paths: ProjectPaths
) -> None:
    file = paths.work / "file"
    file.write_text("a file cannot stand where the image has a folder")
    with pytest.raises(Invalid, match="cannot start"):
        await driver.start(make_spec("true", sandbox_image, mounts=(Mount(file, "/var"),)))
    assert await driver.list_owned() == []


async def test_limits_the_daemon_refuses_are_invalid(
    driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str
) -> None:
    with pytest.raises(Invalid, match="emory"):
        await driver.start(make_spec(image=sandbox_image, memory=1024))
    with pytest.raises(Invalid, match="CPU"):
        await driver.start(make_spec(image=sandbox_image, cpus=10_000.0))


async def test_r45_the_hosts_network_is_refused_under_its_id_too(
    driver: DockerDriver, make_spec: MakeSpec, sandbox_image: str, client: APIClient
) -> None:
    (host,) = [network for network in client.networks() if network["Driver"] == "host"]
    for network in (host["Id"], host["Id"][:10], "no-such-network"):
        with pytest.raises(Invalid, match="network"):
            await driver.start(make_spec(image=sandbox_image, network=network))
    assert await driver.list_owned() == []


async def test_listing_shows_ours_with_labels_and_state(
    driver: DockerDriver, start: Start, stranger: Stranger, engine_id: str
) -> None:
    await stranger("ph-" + engine_id[2:] + "-stranger", {"pilothouse.engine": engine_id[:-1]})
    alive, ended = await start("sleep 60"), await start("true")
    await driver.wait(ended)
    owned = {sandbox.name: sandbox for sandbox in await driver.list_owned()}
    assert set(owned) == {alive, ended}
    assert (owned[alive].running, owned[ended].running) == (True, False)
    assert owned[alive].labels["pilothouse.role"] == "work"


async def test_exec_answers_code_and_both_streams(driver: DockerDriver, start: Start) -> None:
    name = await start("sleep 60")
    code, output = await driver.exec(name, ["sh", "-c", "echo out; echo err >&2; id -u; exit 5"])
    assert code == 5
    assert sorted(output.decode().split()) == sorted(["out", "err", USER.split(":")[0]])
    assert await driver.exec(name, ["true"]) == (0, b"")
    await driver.remove(name)
    with pytest.raises(NotFound):
        await driver.exec(name, ["true"])


async def test_removal_is_fine_twice_and_gone_is_fine_everywhere(
    driver: DockerDriver, start: Start, client: APIClient
) -> None:
    name = await start("sleep 60")
    await driver.remove(name)
    await driver.remove(name)
    await driver.stop(name, 5)
    await driver.kill(name)
    with pytest.raises(NoContainer):
        client.inspect_container(name)


async def test_case36_fifty_followers_leave_no_thread_behind(driver: DockerDriver, start: Start) -> None:
    name = await start("echo here; sleep 60")
    baseline = _threads()
    followers = [asyncio.create_task(anext(driver.logs(name, None))) for _ in range(50)]
    chunks = await asyncio.wait_for(asyncio.gather(*followers), 30)
    assert {chunk.data for chunk in chunks} == {b"here\n"}
    waiting = [asyncio.create_task(driver.wait(name)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert _threads() <= baseline
    assert sum(thread.name.startswith("docker") for thread in threading.enumerate()) <= THREADS


def _threads() -> int:
    """Threads beside the driver's own few, which come as they are needed."""
    return sum(not thread.name.startswith("docker") for thread in threading.enumerate())


async def test_health_names_the_version(driver: DockerDriver) -> None:
    health = await driver.check()
    assert health.version.startswith("Docker ")
    assert replace(health, notices=()).notices == ()
