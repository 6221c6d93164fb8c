"""The engine in this process: opening it, and what the command line asks of the machine without one."""

from engine.goals import write_demo
from engine.local.doctor import Finding, examine
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.local.planning import read_plan
from engine.paths import ProjectPaths, find_project
from engine.sandbox.image import build_image, check_image

__all__ = [
    "Finding",
    "LocalEngine",
    "ProjectPaths",
    "build_image",
    "check_image",
    "examine",
    "find_project",
    "open_local",
    "read_plan",
    "write_demo",
]
