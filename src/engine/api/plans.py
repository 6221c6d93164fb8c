"""What a goal file would do, as `plan` shows it."""

from pydantic import Field

from engine.api.answers import View
from engine.model import Order, TaskKind


class PlanTask(View):
    """One row of a plan, depth first. `critical` marks the longest chain of needs and order."""

    key: str
    title: str
    kind: TaskKind
    depth: int
    order: Order
    needs: tuple[str, ...]
    step: int
    critical: bool
    does: str
    limits: str


class PlanView(View):
    """What a goal file would do; runs nothing. `step` numbers the earliest wave a task can start in."""

    title: str
    path: str
    repo: str | None
    max_parallel: int | None
    tasks: tuple[PlanTask, ...]
    critical_path: tuple[str, ...]
    variables: dict[str, str] = Field(default_factory=dict)
