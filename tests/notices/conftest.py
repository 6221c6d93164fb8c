"""A service that takes messages, and engines that use it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from notice_bench import Open
from ntfy_server import NtfyServer

from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.settings import load_settings


@pytest.fixture
async def ntfy() -> AsyncIterator[NtfyServer]:
    async with NtfyServer().serving() as server:
        yield server


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Open]:
    """Engines on one project, one after the other; keywords are settings of [notify]."""
    async with AsyncExitStack() as stack:

        async def open_one(visiting: bool = False, **notify: object) -> LocalEngine:
            flags: dict[str, object] = {"sandbox.runtime": "process", "notify.retry": 0.01}
            flags |= {f"notify.{name}": value for name, value in notify.items()}
            settings = load_settings(project / "none.toml", environ={}, flags=flags)
            engine = await open_local(project, settings, visiting=visiting, random=Random(7))
            stack.push_async_callback(engine.close)
            return engine

        yield open_one
