"""A real store in a fresh folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.store import Committed, Database


@pytest.fixture
def commits() -> list[Committed]:
    """Everything that was published, in order."""
    return []


@pytest.fixture
async def database(tmp_path: Path, commits: list[Committed]) -> AsyncIterator[Database]:
    store = Database(SystemClock(), commits.append)
    await store.open(tmp_path / "engine.db")
    yield store
    await store.close()
