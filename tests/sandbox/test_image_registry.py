"""The default image from a registry: a real daemon pulls from a small one on loopback and builds on what it gets."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.sandbox import image, image_parts
from engine.sandbox.image import build_image, check_image

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
STUB = "#!/bin/sh\nexit 0\n"


@dataclass
class Registry:
    """One image, `base:1`, of one layer."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""

    def publish(self, layer: bytes, env: dict[str, str]) -> None:
        settings = {"Env": [f"{name}={value}" for name, value in env.items()]}
        config = {
            "architecture": "amd64", "os": "linux", "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [self._blob(layer)]},
        }  # fmt: skip
        encoded = json.dumps(config).encode()
        entry = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(layer)}
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(encoded), "digest": self._blob(encoded),
            },
            "layers": [{**entry, "digest": self._blob(layer)}],
        }  # fmt: skip
        self.manifest = json.dumps(manifest).encode()

    def answer(self, path: str) -> tuple[str, bytes] | None:
        if path == "/v2/":
            return "application/json", b"{}"
        if path.startswith("/v2/base/manifests/"):
            return MANIFEST, self.manifest
        return ("application/octet-stream", found) if (found := self.blobs.get(path.rpartition("/")[2])) else None

    def _blob(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest


@pytest.fixture
def registry() -> Iterator[tuple[Registry, str]]:
    """A registry and the name of its image."""
    kept = Registry()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = kept.answer(self.path)
            kind, body = found or ("application/json", b'{"errors":[{"code":"NOT_FOUND"}]}')
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept, f"127.0.0.1:{server.server_port}/base:1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def scratch_image(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another tag in place of the default one; it and what was pulled for it are removed afterwards."""
    tag = "pilothouse/test-registry:1"
    monkeypatch.setattr(image, "DEFAULT_IMAGE", tag)
    yield tag
    import docker

    client = docker.APIClient(base_url=docker_host)
    for found in client.images():
        for name in found["RepoTags"] or []:
            if name == tag or (name.startswith("127.0.0.1:") and name.endswith("/base:1")):
                client.remove_image(name, force=True)
    client.close()


def publish_base(served: Registry, folder: Path, *, complete: bool) -> None:
    """An image of this host's own tools with package tools that do nothing; incomplete, of its shell alone."""
    assembled = image_parts.Assembly()
    if complete:
        assembled = image_parts.assemble(lambda line: None)
        for name in ("apt-get", "groupadd", "useradd"):
            stub = folder / name
            stub.write_text(STUB)
            stub.chmod(0o755)
            assembled.layer.host_file(f"/usr/bin/{name}", stub)
    else:
        image_parts._shell(assembled)
        image_parts._libraries(assembled.layer)
    with (folder / "layer.tar").open("w+b") as tar:
        assembled.layer.write(tar)
        tar.seek(0)
        served.publish(tar.read(), assembled.env)


@pytest.mark.docker
async def test_a_registry_that_answers_gives_the_base(
    docker_host: str, registry: tuple[Registry, str], scratch_image: str, tmp_path: Path
) -> None:
    served, base = registry
    await asyncio.to_thread(publish_base, served, tmp_path, complete=True)
    told: list[str] = []
    assert await build_image(docker_host, told.append, base=base) == scratch_image
    assert not any("assembling" in line for line in told), told
    assert "python 3." in await check_image(docker_host)


@pytest.mark.docker
async def test_a_base_that_cannot_be_built_on_is_told_and_replaced_by_the_hosts_own_parts(
    docker_host: str, registry: tuple[Registry, str], scratch_image: str, tmp_path: Path
) -> None:
    served, base = registry
    await asyncio.to_thread(publish_base, served, tmp_path, complete=False)
    told: list[str] = []
    assert await build_image(docker_host, told.append, base=base) == scratch_image
    assert any("apt-get" in line and "assembling the image from this host" in line for line in told)
    assert "python 3." in await check_image(docker_host)
