"""`budget:` of a goal's policy or of a task, and `stall:` of a task."""

from engine.goals.fields import Fields
from engine.goals.keys import BUDGET, STALL, TASK_BUDGET
from engine.model import Budget, StallSpec

MEGABYTE = 1024**2
DEAREST = 1e9  # US dollars
MOST_TOKENS = 10**15
LEAST_DISK = 6 * MEGABYTE
MOST_DISK = 16 * 1024**2 * MEGABYTE


def read_goal_budget(policy: Fields) -> Budget | None:
    """What a whole goal may use; None when it says nothing."""
    inner = policy.section("budget", BUDGET, "`budget`", "budget: {wall: 2h, cost_usd: 5}")
    return None if inner is None else _read(inner, inner.size("disk", LEAST_DISK, MOST_DISK))


def read_task_budget(task: Fields) -> Budget | None:
    """What all runs of one task may use together."""
    inner = task.section("budget", TASK_BUDGET, "`budget`", "budget: {wall: 30m, cost_usd: 1}")
    return None if inner is None else _read(inner, None)


def _read(inner: Fields, disk: int | None) -> Budget:
    return Budget(
        wall=inner.duration("wall"),
        cost_usd=inner.decimal("cost_usd", 0.01, DEAREST),
        tokens=inner.integer("tokens", 1, MOST_TOKENS),
        disk=disk,
    )


def read_stall(task: Fields) -> StallSpec | None:
    """When a task's run looks stalled."""
    inner = task.section("stall", STALL, "`stall`", "stall: {quiet: 5m, repeats: 10}")
    if inner is None:
        return None
    return StallSpec(quiet=inner.duration("quiet"), repeats=inner.integer("repeats", 2, 1_000_000))
