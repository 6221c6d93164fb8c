"""What every test of a screen has around it: UTC whatever the zone, and no full collection while it is watched."""

import gc
import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture(autouse=True)
def collect_between() -> Iterator[None]:
    """Full collections over what all tests of the process left behind would count as held loops: between tests only."""
    gc.disable()
    yield
    gc.enable()
    if gc.get_count()[0] > 500_000:
        gc.collect()
