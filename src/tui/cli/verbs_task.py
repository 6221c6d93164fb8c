"""The verb that changes the tasks of a goal under way: add, edit, needs, move."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.goalfile import read_fragment
from tui.cli.output import put, put_json
from tui.cli.session import engine_for

if TYPE_CHECKING:
    from engine.api import Engine, TaskView
    from engine.api.edits import AddedTasks, Place

LONGEST = 1_000  # characters of a title
TAKES = {
    "add": ("into", "before", "after", "version"),
    "edit": ("title", "description", "priority", "version"),
    "needs": ("version",),
    "move": ("into", "before", "after", "version"),
}


@dataclass(frozen=True)
class Options:
    """What was typed behind the verb, all of it; None: not typed."""

    title: str | None = None
    description: str | None = None
    priority: int | None = None
    into: str | None = None
    before: str | None = None
    after: str | None = None
    version: int | None = None

    def require_for(self, action: str) -> None:
        """Invalid when one of them belongs to another action, or two of them exclude each other."""
        for name, value in vars(self).items():
            if value is not None and name not in TAKES[action]:
                owner = next(other for other, names in TAKES.items() if name in names)
                raise Invalid(f"`task {action}` takes no --{name}", hint=f"`task {owner}` does")
        if self.before is not None and self.after is not None:
            raise Invalid("a task stands --before one or --after one, not both")

    @property
    def place(self) -> "Place":
        from engine.api.edits import Place

        return Place(parent=self.into, before=self.before, after=self.after)


@verb("task")
@click.argument("action", type=click.Choice(list(TAKES)))
@click.argument("ref", metavar="ID", type=Ref())
@click.argument("rest", metavar="[FILE|KEY…]", nargs=-1)
@click.option("--title", metavar="TEXT", help="With edit: what it is called.")
@click.option("--description", metavar="TEXT", help="With edit: what it is about, in more words.")
@click.option("--priority", type=click.IntRange(-1000, 1000), metavar="N", help="With edit: higher ones start first.")
@click.option("--into", type=Ref(), metavar="GROUP", help="With add, move: the group; `root` is the goal's top level.")
@click.option("--before", type=Ref(), metavar="KEY", help="With add, move: right before this task of the group.")
@click.option("--after", type=Ref(), metavar="KEY", help="With add, move: right after this task of the group.")
@click.option(
    "--version", type=int, metavar="N", help="Only if nothing has changed since: the task, with add the group."
)
async def task(
    call: Call,
    action: str,
    ref: str,
    rest: tuple[str, ...],
    title: str | None,
    description: str | None,
    priority: int | None,
    into: str | None,
    before: str | None,
    after: str | None,
    version: int | None,
) -> ExitCode | None:
    """Add, edit or move tasks of a goal that is under way.

    `task add GOAL FILE` adds the tasks of FILE (`-`: what comes in), all or none: one task of a goal file, a list, or
    `tasks:`. `task edit ID` changes title, description or priority. `task needs ID [KEY]…` replaces what it needs,
    without KEY by nothing. `task move ID` puts it elsewhere: --into a group, --before or --after a task, else last.

    What is done, cancelled or skipped is read-only, needs and place can be changed until a task begins, and in a
    sequence nothing is put before what has begun. What would be a cycle is refused, and the cycle is shown.
    """
    options = Options(title, description, priority, into, before, after, version)
    options.require_for(action)
    if action == "add":
        source, path = _fragment(rest)
        async with engine_for(call) as engine:
            _show_added(call, await _add(engine, ref, source, path, options))
        return None
    _require_words(action, rest, options)
    async with engine_for(call) as engine:
        _show(call, await _edit(engine, action, ref, rest, options))
    return None


def _fragment(rest: tuple[str, ...]) -> tuple[str, str]:
    if len(rest) != 1:
        raise Invalid(
            "`task add GOAL FILE` takes one file", hint="FILE holds tasks as a goal file does; `-` reads stdin"
        )
    return read_fragment(rest[0])


def _require_words(action: str, rest: tuple[str, ...], options: Options) -> None:
    if action != "needs" and rest:
        raise Invalid(f"`task {action}` takes one task", hint="`task needs ID KEY…` changes what it needs")
    if action == "edit" and all(said is None for said in (options.title, options.description, options.priority)):
        raise Invalid("`task edit` changes --title, --description or --priority")
    if options.title is not None and not 0 < len(options.title.strip()) <= LONGEST:
        raise Invalid(f"a title has 1 to {LONGEST} characters")


async def _add(engine: "Engine", goal: str, source: str, path: str, options: Options) -> "AddedTasks":
    from engine.api.edits import AddTasks

    where = options.place.model_dump()
    order = AddTasks(source=source, path=path, version=options.version, by=operator(), **where)
    return await engine.add_tasks(goal, order)


async def _edit(engine: "Engine", action: str, ref: str, needs: tuple[str, ...], options: Options) -> "TaskView":
    from engine.api.edits import TaskEdit

    edit = TaskEdit(
        title=options.title,
        description=options.description,
        priority=options.priority,
        needs=needs if action == "needs" else None,
        place=options.place if action == "move" else None,
        version=options.version,
        by=operator(),
    )
    return await engine.edit_task(ref, edit)


def _show_added(call: Call, added: "AddedTasks") -> None:
    if call.as_json:
        put_json(added)
    else:
        put("\n".join(f"{row.id}  {row.key}" for row in added.tasks))


def _show(call: Call, changed: "TaskView") -> None:
    if call.as_json:
        put_json(changed)
        return
    from tui.formats import one_line

    named = ", ".join(key for key, _ in changed.needs) or "nothing"
    put(one_line(f"{changed.key}: {changed.title}, in {changed.group}, priority {changed.priority}, needs {named}"))
