"""The verb `plan`: what a goal file would do."""

import click

from engine.errors import ExitCode
from tui.cli.call import Call, Name, verb
from tui.cli.output import put, put_json


@verb("plan")
@click.argument("file", metavar="FILE", required=False)
@click.option("--template", type=Name(), metavar="NAME", help="Plan this template instead of FILE.")
@click.option("--set", "given", multiple=True, metavar="k=v", help="A variable of the goal file.")
async def plan(call: Call, file: str | None, template: str | None, given: tuple[str, ...]) -> ExitCode | None:
    """Validate FILE and show tree, order, limits and critical path; run nothing.

    The number before a task is the earliest step it can start in; ◆ marks the critical path.
    """
    from tui.cli.draw_plan import plan_lines
    from tui.cli.goalfile import goal_text, plan_of, variables

    view = plan_of(goal_text(call, file, template), variables(given), call.settings)
    if call.as_json:
        put_json(view)
        return None
    for line in plan_lines(view):
        put(line)
    return None
