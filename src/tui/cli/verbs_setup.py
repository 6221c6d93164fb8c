"""Verbs for a new project or a new machine: init, doctor."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import Conflict, ExitCode, Unavailable
from tui.cli.call import Call, verb
from tui.cli.output import paint, put, put_json, say
from tui.cli.session import has_project, here_only, look, make_state
from tui.cli.starter import GOAL, SETTINGS

if TYPE_CHECKING:
    from engine.local.finding import Finding

STORE = {"sqlite", "file system", "engine"}  # what has to be well before the store is opened
FILES = {"pilothouse.toml": SETTINGS, "goal.yaml": GOAL}


@verb("init")
async def init(call: Call) -> ExitCode | None:
    """Make this folder a project, with a commented settings file and a first goal.

    Nothing is overwritten: where one of the files exists nothing at all is written.
    """
    from engine.local.project import ProjectPaths

    here_only(call, "a new project")
    root = call.folder or Path.cwd()
    paths = ProjectPaths(root)
    there = [name for name in FILES if (root / name).exists()]
    if there:
        exist = "exists" if len(there) == 1 else "exist"
        hint = "this is a project as it is" if paths.state.is_dir() else "`pilothouse run FILE` needs no init"
        raise Conflict(f"{' and '.join(there)} in {root} {exist} already: nothing was written", hint=hint)
    try:
        make_state(paths)
        for name, text in FILES.items():
            with (root / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Unavailable(
            f"cannot make a project in {root}: {error.strerror}", hint="the folder must be writable"
        ) from error
    if call.as_json:
        put_json({"project": str(root), "files": list(FILES)})
    else:
        put(str(root))
        say(f"made {' and '.join(FILES)}; try `pilothouse plan goal.yaml`, then `pilothouse run goal.yaml`")
    return None


@verb("doctor")
@click.option(
    "--drill", "drilled", is_flag=True, help="Try each promise in a scratch project, with kills and restarts."
)
async def doctor(call: Call, drilled: bool) -> ExitCode:
    """Check this machine and project; say how to mend what is wrong.

    Exit code 1 when something is. With --drill it tries the promises themselves instead, in a scratch project with
    real sandboxes, and takes about a minute; nothing of it stays.
    """
    from engine.local.doctor import examine, leftovers

    here_only(call, "this check")

    if drilled:
        from tui.cli.drill import drill

        return _judged(call, await drill(call.settings, lambda found: None if call.as_json else _tell(found)))
    findings = list(await examine(call.paths.root, call.settings))
    if has_project(call) and all(finding.ok for finding in findings if finding.name in STORE):
        findings.append(await look(call, leftovers))
    if not call.as_json:
        for finding in findings:
            _tell(finding)
    return _judged(call, findings)


def _tell(finding: "Finding") -> None:
    from tui.formats import clean

    sign = paint("✓", "green") if finding.ok else paint("✗", "red")
    put(f"{sign} {clean(finding.name)}: {clean(finding.detail)}".removesuffix(": "))
    if not finding.ok:
        put(f"    {clean(finding.fix)}")


def _judged(call: Call, findings: "Sequence[Finding]") -> ExitCode:
    if call.as_json:
        put_json(findings)
    return ExitCode.DONE if all(finding.ok for finding in findings) else ExitCode.TASK_FAILED
