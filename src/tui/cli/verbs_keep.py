"""Verbs that keep and tidy: export, backup, gc."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import Conflict, ExitCode, Unavailable
from tui.cli.call import Call, Ref, verb
from tui.cli.output import plain, put, put_json, say, table
from tui.cli.session import engine_for, has_project, here_only, look, no_project
from tui.cli.verbs_wait import Length

if TYPE_CHECKING:
    from engine.api import Leftover, Sweep


@verb("export")
@click.argument("goal", type=Ref())
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it there instead of to stdout.")
async def export(call: Call, goal: str, output: Path | None) -> ExitCode | None:
    """Write one JSON document with everything about a goal.

    The goal, its tree, tasks, runs with their exit records and where their logs lie, decisions, events and change.
    """
    from tui.cli import export as exporting

    found = await look(call, lambda engine: exporting.export(engine, goal))
    if output is None:
        put_json(found)
        return None
    _write(output, json.dumps(plain(found), indent=2) + "\n")
    if call.as_json:
        put_json({"file": str(output)})
    else:
        put(str(output))
    return None


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Conflict(f"{output} exists already", hint="an export overwrites nothing: choose another name") from error
    except OSError as error:
        raise Unavailable(f"{output} cannot be written: {error.strerror}") from error


@verb("backup")
@click.argument("file", type=click.Path(path_type=Path), required=False)
async def backup(call: Call, file: Path | None) -> ExitCode | None:
    """Copy the store to FILE, beside whatever engine runs.

    Without FILE to a new one in .pilothouse/backups/. The copy is one consistent moment and is checked; it is a store
    by itself: put it in the place of .pilothouse/engine.db while no engine runs.
    """
    from engine.local.backup import back_up
    from tui.formats import size

    here_only(call, "a backup")
    if not has_project(call):
        raise no_project(call)
    made = await back_up(call.paths, file)
    if call.as_json:
        put_json(made)
    else:
        put(made.file)
        say(f"{size(made.size)}, up to event {made.seq}")
    return None


@verb("gc")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option(
    "--logs-older-than", type=Length(), metavar="AGE", help="Logs too, of goals and runs that ended so long ago (30d)."
)
async def gc(call: Call, dry_run: bool, logs_older_than: float | None) -> ExitCode | None:
    """Remove what runs left behind: sandboxes and work folders that no live run uses.

    What is in a work folder and in no branch is salvaged first, and a folder that cannot be salvaged stays. No branch,
    patch or artefact is ever removed, and nothing of another project.
    """
    from engine.api import SweepOrder

    async with engine_for(call) as engine:
        swept = await engine.gc(SweepOrder(dry_run=dry_run, logs_older_than=logs_older_than))
    if call.as_json:
        put_json(swept)
        return None
    _show(swept)
    return None


def _show(swept: "Sweep") -> None:
    from tui.formats import one_line, size

    for line in table([_row(found) for found in swept.leftovers]):
        put(line)
    for sentence in swept.unknown:
        say(f"not looked at: {one_line(sentence)}")
    total = size(sum(found.size or 0 for found in swept.leftovers if found.removed or swept.dry_run))
    if not swept.leftovers:
        say("nothing was left behind")
    else:
        say(f"{total} would go" if swept.dry_run else f"{total} went")


def _row(found: "Leftover") -> tuple[str, ...]:
    from tui.formats import one_line, size

    fate = "removed" if found.removed else f"stays: {one_line(found.note)}" if found.note else ""
    return found.kind.value, "" if found.size is None else size(found.size), one_line(found.name), fate
