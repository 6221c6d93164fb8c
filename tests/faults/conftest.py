"""Engines that are killed, one program per session forks them; a container daemon of our own, and engines over it."""

from collections.abc import Iterator

import pytest
from container_engine import open_engine
from killed_engines import Engines
from private_daemon import private_daemon, shared_daemon

__all__ = ["engines", "open_engine", "private_daemon", "shared_daemon"]


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    program = Engines()
    yield program
    program.close()
