"""The engine in this process: opening it, and what the command line asks of the machine without one."""

from engine.goals import write_demo
from engine.local.doctor import examine, leftovers
from engine.local.engine import LocalEngine
from engine.local.finding import Finding
from engine.local.opening import open_local
from engine.local.planning import read_plan
from engine.local.shell import enter, live_sandbox
from engine.local.store_check import store_damage
from engine.paths import ProjectPaths, find_project
from engine.sandbox.image import build_image, check_image
from engine.sandbox.inside import Inside, Window

__all__ = [
    "Finding",
    "Inside",
    "LocalEngine",
    "ProjectPaths",
    "Window",
    "build_image",
    "check_image",
    "enter",
    "examine",
    "find_project",
    "leftovers",
    "live_sandbox",
    "open_local",
    "read_plan",
    "store_damage",
    "write_demo",
]
