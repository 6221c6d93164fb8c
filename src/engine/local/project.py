"""Where a project lies: the folder a verb works on, and what the engine keeps in it."""

from engine.paths import ProjectPaths, find_project

__all__ = ["ProjectPaths", "find_project"]
