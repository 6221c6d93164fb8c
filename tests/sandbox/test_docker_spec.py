"""What a container is asked to be, and what is refused before the daemon hears of it."""

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import Invalid
from engine.ids import safe_name
from engine.paths import ProjectPaths
from engine.sandbox.docker_spec import (
    checked_mounts,
    container_config,
    give_to_sandbox,
    image_search_path,
    network_mode,
)
from engine.sandbox.driver import Mount, SandboxSpec

SOCKET = "/var/run/docker.sock"
MakeSpec = Callable[..., SandboxSpec]


def test_r43_the_create_request_says_everything_of_the_spec(make_spec: MakeSpec, engine_id: str) -> None:
    spec = make_spec("echo hi", env={"A": "1=2"}, memory=96 << 20, cpus=0.5, pids=7, network="open")
    config = container_config(spec, engine_id, [{"Target": "/workspace"}])
    host = config["HostConfig"]
    assert config["Cmd"] == ["sh", "-c", "echo hi"]
    assert config["Env"] == ["A=1=2"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        96 << 20,
        96 << 20,
        500_000_000,
        7,
    )
    assert host["NetworkMode"] == "bridge"
    assert host["Mounts"] == [{"Target": "/workspace"}]


def test_r41_the_engine_label_is_ours_whatever_the_spec_says(make_spec: MakeSpec, engine_id: str) -> None:
    spec = make_spec(labels={"pilothouse.engine": "e-somebodyelse", "pilothouse.run": "r-1"})
    labels = container_config(spec, engine_id, [])["Labels"]
    assert labels == {"pilothouse.engine": engine_id, "pilothouse.run": "r-1"}


@pytest.mark.parametrize(
    "network", ["host", "container:x", "container:ph-other", "bridge", "default", "a b", "../x", "", "net/../host"]
)
def test_r45_refused_networks(network: str) -> None:
    with pytest.raises(Invalid):
        network_mode(network)


def test_networks_that_are_allowed() -> None:
    assert [network_mode(name) for name in ("none", "egress", "open", "my-net")] == ["none", "none", "bridge", "my-net"]


def test_mounts_are_real_paths_inside_the_state_folder(make_spec: MakeSpec, paths: ProjectPaths) -> None:
    spec = make_spec()
    inputs = paths.work / "inputs"
    inputs.mkdir()
    (paths.work / "link").symlink_to(inputs)
    mounts = checked_mounts(_with(spec, Mount(paths.work / "link", "/run/inputs", read_only=True)), paths, SOCKET)
    assert mounts == [
        {"Type": "bind", "Source": str(spec.workspace.resolve()), "Target": "/workspace", "ReadOnly": False},
        {"Type": "bind", "Source": str(inputs.resolve()), "Target": "/run/inputs", "ReadOnly": True},
    ]


def test_r44_a_missing_mount_source_is_refused(make_spec: MakeSpec, paths: ProjectPaths) -> None:
    with pytest.raises(Invalid, match="cannot be used"):
        checked_mounts(_with(make_spec(), Mount(paths.work / "nothing", "/x")), paths, SOCKET)
    with pytest.raises(Invalid, match="cannot be used"):
        checked_mounts(make_spec(workspace=paths.work / "nothing"), paths, SOCKET)


@pytest.mark.parametrize("outside", ["/", "/etc", "/var/run", "/tmp"])
def test_r45_sources_outside_the_state_folder_are_refused_also_through_a_link(
    make_spec: MakeSpec, paths: ProjectPaths, outside: str
) -> None:
    (paths.work / "link").symlink_to(outside)
    for source in (Path(outside), paths.work / "link", paths.state / "work" / ".." / ".." / ".."):
        with pytest.raises(Invalid, match="outside"):
            checked_mounts(_with(make_spec(), Mount(source, "/x")), paths, SOCKET)


def test_r45_the_whole_state_folder_is_never_mounted(make_spec: MakeSpec, paths: ProjectPaths) -> None:
    with pytest.raises(Invalid):
        checked_mounts(make_spec(workspace=paths.state), paths, SOCKET)


def test_r45_sockets_are_refused_themselves_in_a_folder_and_through_links(
    make_spec: MakeSpec, paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = paths.work / "daemon"
    folder.mkdir()
    monkeypatch.chdir(folder)  # a socket's address holds 107 bytes, less than some machines' temporary folders
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("d.sock")
        (paths.work / "direct").symlink_to(folder / "d.sock")
        (paths.state / "elsewhere.sock").symlink_to(folder / "d.sock")
        for source in (folder / "d.sock", paths.work / "direct"):
            with pytest.raises(Invalid, match="neither a folder nor a file"):
                checked_mounts(_with(make_spec(), Mount(source, "/x")), paths, SOCKET)
        for daemon_socket in (folder / "d.sock", paths.state / "elsewhere.sock"):
            with pytest.raises(Invalid, match="socket"):
                checked_mounts(_with(make_spec(), Mount(folder, "/x")), paths, str(daemon_socket))


@pytest.mark.parametrize("target", ["/", "relative", "/a/../b", "/proc/x", "/dev", "/workspace", "/usr/bin", "/x/"])
def test_r45_targets_that_are_no_place_for_a_mount(make_spec: MakeSpec, paths: ProjectPaths, target: str) -> None:
    spec = make_spec()
    with pytest.raises(Invalid):
        checked_mounts(_with(spec, Mount(spec.workspace, target)), paths, SOCKET)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_preparing_gives_files_away_and_follows_no_link(make_spec: MakeSpec, paths: ProjectPaths) -> None:
    outside = paths.root / "operators.txt"
    outside.write_text("mine")
    folder = make_spec().workspace
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "sub" / "up").symlink_to(paths.root)
    os.mkfifo(folder / "fifo")
    give_to_sandbox(folder, paths)
    for path in (folder, folder / "sub", folder / "sub" / "file", folder / "link", folder / "fifo"):
        assert os.lstat(path).st_uid == 10001
    assert os.lstat(outside).st_uid == 0
    assert os.lstat(paths.root).st_uid == 0
    assert stat.S_ISFIFO((folder / "fifo").stat().st_mode)
    with pytest.raises(Invalid):
        give_to_sandbox(paths.root, paths)


@pytest.mark.parametrize(
    "name", ["../volumes/x", "a/b", "", ".hidden", "a..b", "x" * 129, "a b", "a\n", "ä", "a?force=1"]
)
def test_r45_hostile_names_are_no_names(name: str) -> None:
    with pytest.raises(Invalid):
        safe_name(name)


def _with(spec: SandboxSpec, mount: Mount) -> SandboxSpec:
    return replace(spec, mounts=(mount,))


def test_f98_the_client_comes_last_on_the_images_own_path(make_spec: MakeSpec, engine_id: str) -> None:
    spec = make_spec(programs="/run/pilothouse/bin")
    env = container_config(spec, engine_id, [], "/opt/tool/bin:/bin")["Env"]
    assert env == ["PATH=/opt/tool/bin:/bin:/run/pilothouse/bin"]
    assert container_config(make_spec(), engine_id, [])["Env"] == []
    assert image_search_path({"Config": {"Env": ["A=b", "PATH=/x"]}}) == "/x"
    assert image_search_path({"Config": {"Env": None}}).startswith("/usr/local/sbin")
