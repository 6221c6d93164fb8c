"""The default sandbox image: built from a registry when one answers, else assembled from this host."""

import asyncio
import io
import secrets
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import DaemonUnavailable, Invalid, OutcomeUnknown, PilothouseError
from engine.sandbox.docker_calls import image_missing
from engine.sandbox.image_daemon import daemon, image_labels, import_layer
from engine.sandbox.image_parts import AGENT_UID, Assembly, assemble

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT_IMAGE = "pilothouse/sandbox:2"
BASE_IMAGE = "python:3.12-slim-bookworm"
LABEL = "pilothouse.image"
REGISTRY_PATIENCE = 4.0  # seconds for the registry's first answer; an air-gapped machine must not wait long
BUILD_LIMIT = 300.0  # seconds for a pull and build from a registry
IMPORT_LIMIT = 120.0
CALL_LIMIT = 10.0
CHECK_LIMIT = 30

# One RUN: a build that fails leaves no half-made image behind.
DOCKERFILE = f"""\
FROM {{base}}
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* && \\
    groupadd -g {AGENT_UID} agent && useradd -m -u {AGENT_UID} -g {AGENT_UID} agent && \\
    mkdir -p /workspace && chown {AGENT_UID}:{AGENT_UID} /workspace && \\
    git config --system safe.directory '*' && \\
    git config --system user.name agent && git config --system user.email agent@sandbox
WORKDIR /workspace
LABEL {LABEL}={{base}}
"""
CHECK = """\
set -e
for tool in sh git python3 env; do command -v $tool >/dev/null || { echo "it has no $tool"; exit 3; }; done
echo "uid $(id -u)"
git --version
python3 -c 'import platform, ssl, sqlite3, unittest; print("python", platform.python_version())'
"""


def resolve_image(image: str) -> str:
    """The tag that `auto` stands for, or the image itself."""
    return DEFAULT_IMAGE if image == "auto" else image


async def build_image(host: str, progress: Callable[[str], None], *, base: str = BASE_IMAGE) -> str:
    """Make the default image on the daemon at `host` and return its tag.

    Raises DaemonUnavailable without a daemon, Unavailable when this host lacks a part. `progress` is called on the
    event loop.
    """
    loop = asyncio.get_running_loop()

    def tell(text: str) -> None:
        loop.call_soon_threadsafe(progress, text)

    await asyncio.to_thread(_build, host, tell, base)
    progress(f"{DEFAULT_IMAGE}: " + await check_image(host))
    return DEFAULT_IMAGE


async def check_image(host: str, image: str = "auto") -> str:
    """Run the image hardened and return the versions found in it, on one line.

    Raises ImageNotFound when it is not here, Invalid when it lacks a tool, DaemonUnavailable without a daemon.
    """
    return await asyncio.to_thread(_check, host, resolve_image(image))


def _build(host: str, progress: Callable[[str], None], base: str) -> None:
    with daemon(host, CALL_LIMIT) as client:
        client.ping()
    reason = _from_registry(host, progress, base)
    if reason is None:
        return
    progress(f"not from a registry ({reason}); assembling the image from this host")
    _from_host(host, progress)


def _from_registry(host: str, progress: Callable[[str], None], base: str) -> str | None:
    """None when the image was built; else why it was not, in a few words."""
    try:
        with daemon(host, REGISTRY_PATIENCE) as client:
            client.inspect_distribution(base)  # type: ignore[no-untyped-call]  # the stubs leave it bare
    except (DaemonUnavailable, OutcomeUnknown):
        return f"none gives {base}"
    progress(f"building on {base} from its registry")
    return _built_on(host, base)


def _built_on(host: str, base: str) -> str | None:
    dockerfile = io.BytesIO(DOCKERFILE.format(base=base).encode())
    deadline = time.monotonic() + BUILD_LIMIT
    try:
        with daemon(host, BUILD_LIMIT) as client:
            steps = client.build(fileobj=dockerfile, tag=DEFAULT_IMAGE, rm=True, forcerm=True, pull=True, decode=True)
            for step in steps:
                if "error" in step:
                    return str(step["error"]).strip()
                if time.monotonic() > deadline:
                    return f"the build took longer than {BUILD_LIMIT:g} s"
    except PilothouseError as error:
        return error.message
    return None


def _from_host(host: str, progress: Callable[[str], None]) -> None:
    image = assemble(progress)
    fingerprint = image.layer.fingerprint()
    with daemon(host, IMPORT_LIMIT) as client, tempfile.TemporaryFile(prefix="pilothouse-image-") as tar:
        if (image_labels(client, DEFAULT_IMAGE) or {}).get(LABEL) == fingerprint:
            progress("the image is up to date")
            return
        image.layer.write(tar)
        progress(f"importing {tar.tell() // 1024**2} MB")
        tar.seek(0)
        import_layer(client, tar, DEFAULT_IMAGE, _changes(image, fingerprint))


def _changes(image: Assembly, fingerprint: str) -> list[str]:
    lines = [f'ENV {name}="{value}"' for name, value in sorted(image.env.items())]
    parts = ", ".join(image.parts)
    return [
        *lines,
        "WORKDIR /workspace",
        f"LABEL {LABEL}={fingerprint}",
        f'LABEL {LABEL}.parts="{parts}"',
        'CMD ["sh"]',
    ]


def _check(host: str, image: str) -> str:
    with daemon(host, CALL_LIMIT) as client:
        if image_labels(client, image) is None:
            raise image_missing(image)
        code, output = _run_once(client, image)
    lines = output.decode(errors="replace").split("\n")
    if code != 0:
        raise Invalid(
            f"the image {image} does not serve: {' '.join(lines).strip()[-500:]}",
            hint="a sandbox image has sh, git and python3",
        )
    return ", ".join(line for line in lines if line)


def _run_once(client: "APIClient", image: str) -> tuple[int, bytes]:
    """Exit code and output of the check script in a throwaway container without network or privileges."""
    limits = client.create_host_config(
        network_mode="none", read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges:true"],
        mem_limit="256m", memswap_limit="256m", pids_limit=64,
        tmpfs={"/tmp": f"nosuid,nodev,noexec,size=16m,uid={AGENT_UID}"},
    )  # fmt: skip
    container = client.create_container(
        image, ["sh", "-c", CHECK], user=f"{AGENT_UID}:{AGENT_UID}", host_config=limits, entrypoint=[],
        name=f"ph-check-{secrets.token_hex(6)}", labels={"pilothouse.check": "image"},
    )  # fmt: skip
    try:
        client.start(container)
        code = client.wait(container, timeout=CHECK_LIMIT)["StatusCode"]
        return int(code), client.logs(container, stdout=True, stderr=True)
    finally:
        client.remove_container(container, force=True, v=True)
