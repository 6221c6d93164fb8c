"""The default image: assembled from this host, run hardened, and refused in words."""

import io
import shutil
import socket
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import DaemonUnavailable, ImageNotFound, Invalid, OutcomeUnknown
from engine.sandbox import image, image_parts
from engine.sandbox.image import DEFAULT_IMAGE, build_image, check_image
from engine.sandbox.image_layer import Layer, merged


def members(layer: Layer) -> dict[str, tarfile.TarInfo]:
    written = io.BytesIO()
    layer.write(written)
    written.seek(0)
    with tarfile.open(fileobj=written) as tar:
        return {member.name: member for member in tar.getmembers()}


def test_host_paths_land_where_the_image_looks() -> None:
    assert merged("/lib/x86_64-linux-gnu/libc.so.6") == "/usr/lib/x86_64-linux-gnu/libc.so.6"
    assert merged("/bin/../bin/sh") == "/usr/bin/sh"
    assert merged("/opt/bin/tool") == "/opt/bin/tool"


def test_a_layer_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")

    def written() -> bytes:
        layer = Layer()
        for name in ("/srv/z", "/srv/deep/er/a"):
            layer.host_file(name, tmp_path / "a")
        layer.text("/etc/x", "x")
        out = io.BytesIO()
        layer.write(out)
        return out.getvalue()

    assert written() == written()


def test_hard_links_stay_links_and_nothing_is_privileged(tmp_path: Path) -> None:
    (tmp_path / "git").write_text("binary")
    (tmp_path / "git").chmod(0o4700)
    (tmp_path / "git-add").hardlink_to(tmp_path / "git")
    (tmp_path / "git-am").symlink_to("git")
    layer = Layer()
    for name in ("git", "git-add", "git-am"):
        layer.host_file(f"/root/hidden/{name}", tmp_path / name)
    found = members(layer)
    assert found["root/hidden/git"].isreg()
    assert {found[f"root/hidden/{name}"].linkname for name in ("git-add", "git-am")} == {"root/hidden/git"}
    assert found["root/hidden/git"].mode == 0o744
    assert found["root"].mode == found["root/hidden"].mode == 0o755


def test_the_fingerprint_follows_the_hosts_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    layer = Layer()
    layer.host_file("/a", tmp_path / "a")
    before = layer.fingerprint()
    assert layer.fingerprint() == before
    (tmp_path / "a").write_text("three")
    assert layer.fingerprint() != before


async def test_r44_no_daemon_is_one_clear_sentence(tmp_path: Path) -> None:
    for call in (check_image(f"unix://{tmp_path}/no.sock"), build_image(f"unix://{tmp_path}/no.sock", print)):
        with pytest.raises(DaemonUnavailable) as caught:
            await call
        assert "no container daemon answers" in caught.value.message
        assert caught.value.hint


async def test_r44_a_daemon_that_never_answers_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "CALL_LIMIT", 0.3)
    with socket.socket(socket.AF_UNIX) as hole:
        hole.bind(str(tmp_path / "hole.sock"))
        hole.listen()
        start = time.monotonic()
        with pytest.raises((OutcomeUnknown, DaemonUnavailable)):
            await check_image(f"unix://{tmp_path}/hole.sock")
        assert time.monotonic() - start < 3


@pytest.mark.docker
async def test_an_image_that_is_not_here_names_the_command(docker_host: str) -> None:
    with pytest.raises(ImageNotFound) as caught:
        await check_image(docker_host, "pilothouse/never-built:0")
    assert "pilothouse image build" in caught.value.hint


@pytest.mark.docker
async def test_the_image_runs_its_tools_hardened(docker_host: str, sandbox_image: str) -> None:
    told = await check_image(docker_host)
    assert sandbox_image == DEFAULT_IMAGE
    assert "uid 10001" in told
    assert "git version" in told
    assert "python 3." in told


@pytest.mark.docker
async def test_a_second_build_finds_the_image_up_to_date(docker_host: str, sandbox_image: str) -> None:
    told: list[str] = []
    for _ in range(2):  # the one that was there may be of an earlier state of this host
        assert await build_image(docker_host, told.append) == DEFAULT_IMAGE
        if any("up to date" in line for line in told):
            break
    assert any("up to date" in line or "from its registry" in line for line in told)
    assert told[-1].startswith(DEFAULT_IMAGE)


TOOLS = """
set -e
python3 -c 'import asyncio, ctypes, lzma, ssl, sqlite3, unittest; print("python ok")'
cd /tmp && git init -q r && cd r && echo hi > f && git add f && git commit -qm one && git grep -q hi && echo git ok
test -w /tmp && ! touch /etc/x 2>/dev/null && ! touch /workspace/x 2>/dev/null && echo read-only ok
test "$(id -un):$(id -u)" = agent:10001 && test "$HOME" = /home/agent && echo user ok
find / -xdev -perm -4000 -type f | wc -l
"""


@pytest.mark.docker
async def test_python_and_git_work_for_the_sandbox_user_on_a_read_only_root(
    docker_host: str, sandbox_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "CHECK", TOOLS)
    told = await check_image(docker_host)
    assert told.split(", ") == ["python ok", "git ok", "read-only ok", "user ok", "0"]


@pytest.fixture
def scratch_image(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another tag in place of the default one; removed afterwards."""
    tag = "pilothouse/test-scratch:1"
    monkeypatch.setattr(image, "DEFAULT_IMAGE", tag)
    yield tag
    import docker
    from docker.errors import ImageNotFound as Missing

    client = docker.APIClient(base_url=docker_host)
    try:
        client.remove_image(tag, force=True)
    except Missing:
        pass
    finally:
        client.close()


@pytest.mark.docker
async def test_a_host_without_busybox_gives_its_own_commands(
    docker_host: str, scratch_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "busybox" else which(name))
    told: list[str] = []
    assert await build_image(docker_host, told.append) == scratch_image
    assert any("usual commands" in line for line in told)
    monkeypatch.setattr(image, "CHECK", TOOLS)
    assert "git ok" in await check_image(docker_host)


@pytest.mark.docker
async def test_an_image_without_python_does_not_serve(
    docker_host: str, scratch_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_parts, "_python", lambda assembly: "no python")
    with pytest.raises(Invalid) as caught:
        await build_image(docker_host, lambda line: None)
    assert "it has no python3" in caught.value.message
