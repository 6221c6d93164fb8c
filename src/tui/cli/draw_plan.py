"""How a plan looks to people."""

from collections.abc import Iterator

from engine.api import PlanTask, PlanView
from tui.cli.output import paint, table
from tui.formats import one_line, plural

NOTHING = "–"


def plan_lines(view: PlanView) -> Iterator[str]:
    """The goal, its tasks as a tree with step, work, needs and limits, and the critical path."""
    yield paint(one_line(view.title), "bold")
    facts = [one_line(view.path)] if view.path else []
    facts += [f"repo {one_line(view.repo)}"] if view.repo else []
    facts += [f"at most {view.max_parallel} at once"] if view.max_parallel else []
    facts += [f"{one_line(name)}={one_line(value)}" for name, value in view.variables.items()]
    if facts:
        yield "  " + "  ".join(facts)
    lines = _wide(view)
    if any("\n" in line for line in lines):
        lines = _narrow(view)
    yield lines[0]
    for task, line in zip(view.tasks, lines[1:], strict=True):
        yield paint(line, "yellow") if task.critical else line
    if view.critical_path:
        steps = plural(len(view.critical_path), "task")
        yield f"critical path ({steps}): {' → '.join(one_line(key) for key in view.critical_path)}"


def _wide(view: PlanView) -> list[str]:
    return table([("", "STEP", "TASK", "DOES", "NEEDS", "LIMITS"), *map(_row, view.tasks)])


def _narrow(view: PlanView) -> list[str]:
    """What does not fit beside a task stands under it."""
    rows = [_row(task) for task in view.tasks]
    heads = table([("", "STEP", "TASK", "DOES"), *(row[:4] for row in rows)])
    under = [f"needs {needs} · {limits}" if needs != NOTHING else limits for *_, needs, limits in rows]
    return [heads[0], *("\n".join([head, *_indented(below)]) for head, below in zip(heads[1:], under, strict=True))]


def _indented(text: str) -> list[str]:
    return table([("     ", text)]) if text else []


def _row(task: PlanTask) -> tuple[str, str, str, str, str, str]:
    name = "  " * min(task.depth, 20) + one_line(task.key)
    title = f" ({one_line(task.title)})" if task.title and task.title != task.key else ""
    return (
        "◆" if task.critical else "",
        str(task.step),
        name + title,
        one_line(task.does)[:80],
        ", ".join(map(one_line, task.needs)) or NOTHING,
        one_line(task.limits),
    )
