"""How a plan looks to people."""

from collections.abc import Iterator

from engine.api import PlanTask, PlanView
from tui.cli.output import paint, table
from tui.formats import one_line, plural


def plan_lines(view: PlanView) -> Iterator[str]:
    """The goal, its tasks as a tree with step, work, needs and limits, and the critical path."""
    yield paint(one_line(view.title), "bold")
    facts = [one_line(view.path)] if view.path else []
    facts += [f"repo {one_line(view.repo)}"] if view.repo else []
    facts += [f"at most {view.max_parallel} at once"] if view.max_parallel else []
    facts += [f"{one_line(name)}={one_line(value)}" for name, value in view.variables.items()]
    if facts:
        yield "  " + "  ".join(facts)
    rows = [("", "STEP", "TASK", "DOES", "NEEDS", "LIMITS")]
    rows += [_row(task) for task in view.tasks]
    lines = table(rows)
    yield lines[0]
    for task, line in zip(view.tasks, lines[1:], strict=True):
        yield paint(line, "yellow") if task.critical else line
    if view.critical_path:
        steps = plural(len(view.critical_path), "task")
        yield f"critical path ({steps}): {' → '.join(one_line(key) for key in view.critical_path)}"


def _row(task: PlanTask) -> tuple[str, str, str, str, str, str]:
    name = "  " * min(task.depth, 20) + one_line(task.key)
    title = f" ({one_line(task.title)})" if task.title and task.title != task.key else ""
    return (
        "◆" if task.critical else "",
        str(task.step),
        name + title,
        one_line(task.does)[:80],
        ", ".join(map(one_line, task.needs)) or "–",
        one_line(task.limits),
    )
