"""Private work trees of runs and the goal's own git repository, which no sandbox ever sees."""

from engine.workspace.artifacts import Collected, collect
from engine.workspace.merging import Integration
from engine.workspace.remains import end_orphans, holds_work, remove_stale_locks
from engine.workspace.removal import remove_folder
from engine.workspace.repository import GoalRepository
from engine.workspace.size import counted, disk_use

__all__ = [
    "Collected",
    "GoalRepository",
    "Integration",
    "collect",
    "counted",
    "disk_use",
    "end_orphans",
    "holds_work",
    "remove_folder",
    "remove_stale_locks",
]
