"""Goal files: YAML to a specification, the plan of one, and the demo project."""

from engine.goals.demo import write_demo
from engine.goals.parse import parse_goal
from engine.goals.planning import plan

__all__ = ["parse_goal", "plan", "write_demo"]
