"""`doctor`: every check answers on any machine, and what is not ok comes with a fix."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from engine.instance_lock import InstanceLock
from engine.local import doctor
from engine.local.doctor import examine
from engine.local.finding import Finding
from engine.model import Runtime
from engine.paths import ProjectPaths
from engine.sandbox.process_confinement import Confinement
from engine.settings import Settings, load_settings

NAMES = [
    *("python", "sqlite", "file system", "disk", "engine", "socket path", "terminal", "open files", "inotify"),
    *("memory", "clock", "git", "docker", "processes", "notifications"),
]


def without_daemon(project: Path, **flags: object) -> Settings:
    return load_settings(project / "none.toml", environ={"DOCKER_HOST": f"unix://{project}/none.sock"}, flags=flags)


async def findings(project: Path, settings: Settings | None = None) -> dict[str, Finding]:
    return {finding.name: finding for finding in await examine(project, settings or without_daemon(project))}


async def test_a_new_project_without_a_daemon(project: Path) -> None:
    found = await findings(project)
    assert list(found) == NAMES
    assert not found["docker"].ok
    assert "none.sock" in found["docker"].detail
    assert all(finding.fix for finding in found.values() if not finding.ok)
    assert found["engine"].detail == "none is running on this project"
    assert not (project / ".pilothouse").exists()


async def test_a_missing_daemon_is_fine_when_processes_were_asked_for(project: Path) -> None:
    found = await findings(project, without_daemon(project, **{"sandbox.runtime": Runtime.PROCESS}))
    assert found["docker"].ok
    assert found["docker"].fix


async def test_sqlite_is_named_with_the_range_that_can_corrupt(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, ok, words in (
        ((3, 36, 0), False, ""),
        ((3, 40, 1), True, "can corrupt"),
        ((3, 51, 2), True, "can corrupt"),
        ((3, 51, 3), True, ""),
    ):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        found = (await findings(project))["sqlite"]
        assert (found.ok, "can corrupt" in found.detail) == (ok, bool(words)), version


@pytest.mark.parametrize(
    ("answer", "ok"),
    [("git version 2.39.5", True), ("git version 2.37.9", False), ("git version 3.0", True), ("?", False)],
)
async def test_git_must_know_merges_without_a_work_tree(
    project: Path, monkeypatch: pytest.MonkeyPatch, answer: str, ok: bool
) -> None:
    folder = project / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    found = (await findings(project))["git"]
    assert (found.ok, bool(found.fix)) == (ok, not ok)


async def test_no_git_at_all(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    found = (await findings(project))["git"]
    assert not found.ok
    assert "install git" in found.fix


async def test_a_lock_whose_holder_died_is_called_stale(project: Path) -> None:
    paths = ProjectPaths(project)
    paths.create()
    paths.lock.write_text(f'{{"pid": {os.getpid()}, "created": 1.0, "host": "{os.uname().nodename}"}}')
    found = (await findings(project))["engine"]
    assert found.ok
    assert "engine.lock of one that died: the next start takes it over" in found.detail


async def test_a_running_engine_is_named_and_must_answer(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ProjectPaths(project)
    paths.create()
    lock = InstanceLock(paths.lock)
    lock.acquire()
    try:
        mute = (await findings(project))["engine"]
        assert (mute.ok, f"kill {os.getpid()}" in mute.fix) == (False, True)
        monkeypatch.chdir(paths.state)
        server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), "engine.sock")
        async with server:
            alive = (await findings(project))["engine"]
        assert alive.ok
        assert f"pid {os.getpid()} on" in alive.detail
    finally:
        lock.release()


async def test_a_command_that_looks_into_the_project_is_no_engine_that_does_not_answer(project: Path) -> None:
    paths = ProjectPaths(project)
    paths.create()
    visit = InstanceLock(paths.lock, visiting=True)
    visit.acquire()
    try:
        found = (await findings(project))["engine"]
    finally:
        visit.release()
    assert (found.ok, f"pid {os.getpid()} on" in found.detail) == (True, True), found


async def test_case_11_a_network_file_system_is_a_warning(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.journal._mounts", lambda: [("/", "nfs4")])
    found = (await findings(project))["file system"]
    assert not found.ok
    assert "nfs4" in found.detail


async def test_a_full_disk_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_DISK", 2**70)
    found = (await findings(project))["disk"]
    assert not found.ok
    assert "free some space" in found.fix


async def test_a_long_socket_path_is_named(project: Path) -> None:
    deep = project / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    found = (await findings(deep))["socket path"]
    assert "long" in found.detail
    assert found.fix


async def test_processes_that_could_reach_their_gate_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unconfined = Confinement()
    monkeypatch.setattr("engine.sandbox.process_driver.probe", lambda: unconfined)
    asked = await findings(project, without_daemon(project, **{"sandbox.runtime": Runtime.PROCESS}))
    assert not asked["processes"].ok
    assert "bubblewrap" in asked["processes"].fix
    assert (await findings(project))["processes"].ok, "docker was not ruled out, so this is only worth knowing"


@pytest.mark.docker
async def test_a_daemon_and_its_image_are_named(project: Path, docker_host: str, sandbox_image: str) -> None:
    settings = load_settings(project / "none.toml", environ={"DOCKER_HOST": docker_host})
    found = await findings(project, settings)
    assert found["docker"].ok
    assert docker_host in found["docker"].detail
    assert found["image"].ok
    absent = load_settings(
        project / "none.toml", environ={"DOCKER_HOST": docker_host}, flags={"sandbox.defaults.image": "absent:1"}
    )
    image = (await findings(project, absent))["image"]
    assert not image.ok
    assert image.fix
