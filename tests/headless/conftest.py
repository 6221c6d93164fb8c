"""The stub engine of the server's tests, with a goal whose state a test can turn."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from goal_stage import GoalStage


@pytest.fixture
def stage() -> GoalStage:
    return GoalStage()
