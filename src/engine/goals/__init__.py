"""Goal files: YAML to a specification, the plan of one, templates, and the demo project."""

from engine.goals.demo import write_demo
from engine.goals.omissions import omitted
from engine.goals.parse import parse_goal
from engine.goals.planning import plan
from engine.goals.templates import Origin, Template, template, templates

__all__ = ["Origin", "Template", "omitted", "parse_goal", "plan", "template", "templates", "write_demo"]
