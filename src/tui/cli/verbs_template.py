"""The verb `template`: goal files that have a name."""

from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Name, Verb
from tui.cli.output import put, put_foreign, put_json, say

if TYPE_CHECKING:
    from engine.local.planning import Template


@click.command("template", cls=Verb)
@click.argument("action", type=click.Choice(["list", "show"]))
@click.argument("name", required=False, type=Name())
@click.pass_obj
def template(call: Call, /, action: str, name: str | None) -> ExitCode:
    """List templates, or show one as a goal file with its variables.

    `pilothouse run --template NAME --set k=v` runs it. A project's own stand in .pilothouse/templates/NAME.yaml and
    hide built-in ones of the same name.
    """
    from engine.local.planning import read_template, read_templates
    from tui.cli.session import here_only

    here_only(call, "`template`")
    if action == "show":
        if name is None:
            raise Invalid("`template show` needs a name", hint=f"`{call.command('template', 'list')}`")
        _show(call, read_template(call.paths, name))
        return ExitCode.DONE
    found = [one for one in read_templates(call.paths) if name in (None, one.name)]
    if call.as_json:
        put_json([_facts(one) for one in found])
        return ExitCode.DONE
    from tui.cli.draw_schedules import template_lines

    for line in template_lines(found):
        put(line)
    say("* has no default: give it with --set")
    return ExitCode.DONE


def _show(call: Call, found: "Template") -> None:
    if call.as_json:
        put_json({**_facts(found), "source": found.source})
        return
    put_foreign(found.source.rstrip("\n"))
    given = [f"--set {variable.name}=…" for variable in found.variables if variable.default is None]
    say(f"run it: {call.command('run', '--template', found.name)} {' '.join(given)}".rstrip())


def _facts(found: "Template") -> dict[str, object]:
    return {
        "name": found.name,
        "origin": str(found.origin),
        "path": str(found.path),
        "title": found.title,
        "about": found.about,
        "problem": found.problem,
        "variables": [
            {"name": one.name, "default": one.default, "required": one.default is None, "about": one.about}
            for one in found.variables
        ],
    }
