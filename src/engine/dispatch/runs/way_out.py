"""What a sandbox needs to speak to the engine: the client on its PATH, an outbox of its own, a place for replies."""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from engine.sandbox.driver import Driver
from engine.sandbox_api.outbox import OUTBOX, REPLIES

IO_SUFFIX = ".io"
PROGRAMS = "bin"
CLIENT = "ph"
PROXY_PORT = 18118  # on loopback inside a sandbox that has nothing but loopback
PROXIED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def outbox_of(work: Path) -> Path:
    """The outbox of the run whose work folder this is."""
    return work.with_name(work.name + IO_SUFFIX) / OUTBOX


async def make_way_out(driver: Driver, io: Path) -> Path:
    """Fill the folder of a run's inputs; the outbox, which alone belongs to its sandbox's user."""
    outbox = io / OUTBOX
    await asyncio.to_thread(_make, io, outbox)
    await driver.prepare(outbox)
    return outbox


def beside_proxy(argv: Sequence[str], place: str) -> tuple[str, ...]:
    """The command, with a proxy on loopback beside it that speaks through the run's socket. `place`: where the sandbox
    sees the folder of its inputs."""
    return (f"{place}/{PROGRAMS}/{CLIENT}", "proxy", "--port", str(PROXY_PORT), "--", *argv)


def proxy_environment() -> dict[str, str]:
    """How programs find that proxy: every one reads its names in one case or the other."""
    named = dict.fromkeys(PROXIED, f"http://127.0.0.1:{PROXY_PORT}") | {"NO_PROXY": "localhost,127.0.0.1,::1"}
    return named | {name.lower(): value for name, value in named.items()}


def _make(io: Path, outbox: Path) -> None:
    outbox.mkdir(mode=0o700, exist_ok=True)
    for name in (PROGRAMS, REPLIES):
        (io / name).mkdir(exist_ok=True)
        (io / name).chmod(0o755)
    client = io / PROGRAMS / CLIENT
    client.write_bytes(files("engine.sandbox_api").joinpath(CLIENT).read_bytes())
    client.chmod(0o755)
