"""What a goal file would do, without an engine."""

from collections.abc import Mapping

from engine.api import PlanView
from engine.goals import parse_goal, plan
from engine.settings import Settings


def read_plan(source: str, path: str, variables: Mapping[str, str], settings: Settings | None = None) -> PlanView:
    """Validate and lay out; InvalidGoalFile with file:line for every problem. `settings` gives the sandbox limits
    that the file leaves open."""
    limits = (settings or Settings()).sandbox.defaults
    return plan(parse_goal(source, path, variables, limits=limits))
