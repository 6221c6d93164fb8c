"""Private work trees of runs and the goal's own git repository, which no sandbox ever sees."""

from engine.workspace.artifacts import Collected, collect
from engine.workspace.merging import Integration
from engine.workspace.removal import remove_folder
from engine.workspace.repository import GoalRepository

__all__ = ["Collected", "GoalRepository", "Integration", "collect", "remove_folder"]
