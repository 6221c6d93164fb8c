"""What a goal file would do, and which templates there are, without an engine."""

from collections.abc import Mapping, Sequence

from engine.api import PlanView
from engine.goals import Template, omitted, parse_goal, plan, template, templates
from engine.paths import ProjectPaths
from engine.settings import Settings

__all__ = ["Template", "read_plan", "read_template", "read_templates"]


def read_plan(
    source: str,
    path: str,
    variables: Mapping[str, str],
    settings: Settings | None = None,
    folder: str | None = None,
    without: Sequence[str] = (),
) -> PlanView:
    """Validate and lay out; InvalidGoalFile with file:line for every problem. `settings` gives the sandbox limits
    that the file leaves open, and the agents it may name; without them any name will do. `folder`: what a relative
    `repo:` starts from, if not the file; `without`: keys to be left out, checked only."""
    limits = (settings or Settings()).sandbox.defaults
    agents = None if settings is None else settings.agents
    spec = parse_goal(source, path, variables, limits=limits, agents=agents, folder=folder)
    omitted(spec.root, without)
    return plan(spec)


def read_templates(paths: ProjectPaths) -> list[Template]:
    """The project's and the built-in ones, by name."""
    return templates(paths.templates)


def read_template(paths: ProjectPaths, name: str) -> Template:
    """One of them; NotFound names the others, Invalid says why it cannot be read."""
    return template(paths.templates, name)
