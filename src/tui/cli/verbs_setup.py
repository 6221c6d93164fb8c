"""Verbs for a new project or a new machine: init, doctor."""

from pathlib import Path

from engine.errors import Conflict, ExitCode, Unavailable
from tui.cli.call import Call, verb
from tui.cli.output import paint, put, put_json, say
from tui.cli.session import has_project, look, make_state
from tui.cli.starter import GOAL, SETTINGS

STORE = {"sqlite", "file system", "engine"}  # what has to be well before the store is opened
FILES = {"pilothouse.toml": SETTINGS, "goal.yaml": GOAL}


@verb("init")
async def init(call: Call) -> ExitCode | None:
    """Make this folder a project, with a commented settings file and a first goal.

    Nothing is overwritten: where one of the files exists nothing at all is written.
    """
    from engine.local import ProjectPaths

    root = call.folder or Path.cwd()
    there = [name for name in FILES if (root / name).exists()]
    if there:
        raise Conflict(
            f"{' and '.join(there)} in {root} exist already: nothing was written", hint="this is a project as it is"
        )
    try:
        make_state(ProjectPaths(root))
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
async def doctor(call: Call) -> ExitCode:
    """Check this machine and project; say how to mend what is wrong.

    Exit code 1 when something is.
    """
    from engine.local import examine, leftovers
    from tui.formats import clean

    findings = list(await examine(call.paths.root, call.settings))
    if has_project(call) and all(finding.ok for finding in findings if finding.name in STORE):
        findings.append(await look(call, leftovers))
    bad = [finding for finding in findings if not finding.ok]
    if call.as_json:
        put_json(findings)
    else:
        for finding in findings:
            sign = paint("✓", "green") if finding.ok else paint("✗", "red")
            put(f"{sign} {clean(finding.name)}: {clean(finding.detail)}")
            if not finding.ok:
                put(f"    {clean(finding.fix)}")
    return ExitCode.TASK_FAILED if bad else ExitCode.DONE
