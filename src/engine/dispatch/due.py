"""When a task's wait is over, in monotonic time: a wall clock that is set back prolongs none (R14)."""

from collections.abc import Iterable

from engine.clock import Clock
from engine.dispatch.tree.graph import Node
from engine.store import TaskMoved

LONGEST = 24 * 3600.0  # seconds; a stored time further off than that was stored under another clock


def due_after(clock: Clock, moved: TaskMoved) -> float | None:
    """Monotonic time at which the wait of this move is over; None when it has none."""
    return None if moved.wait is None else clock.monotonic() + moved.wait


def time_waits(nodes: Iterable[Node], clock: Clock) -> None:
    """Turn the stored times of tasks that were just loaded into monotonic ones."""
    now, here = clock.now(), clock.monotonic()
    for node in nodes:
        if node.not_before is not None:
            node.due = here + min((node.not_before - now).total_seconds(), LONGEST)


def seconds_left(node: Node, clock: Clock) -> float:
    """How long it still waits; 0 or less when it may start. Whichever clock is there first decides: a machine that
    slept counts no monotonic time."""
    if node.not_before is None or node.due is None:
        return 0.0
    return min(node.due - clock.monotonic(), (node.not_before - clock.now()).total_seconds())
