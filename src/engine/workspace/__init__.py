"""Private work trees of runs and the goal's own git repository, which no sandbox ever sees."""

from engine.workspace.artifacts import Collected, collect
from engine.workspace.merging import Integration
from engine.workspace.removal import remove_folder
from engine.workspace.repository import GoalRepository
from engine.workspace.size import counted, disk_use

__all__ = ["Collected", "GoalRepository", "Integration", "collect", "counted", "disk_use", "remove_folder"]
