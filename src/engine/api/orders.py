"""What an operator orders of goals, tasks, sandboxes and dispatch as a whole (CONTRACT section 4)."""

from enum import StrEnum
from typing import Protocol

from engine.api.answers import EngineInfo, GoalView, RunView
from engine.api.sandboxes import SandboxOutcome


class GoalOrder(StrEnum):
    """`pause`: nothing new starts in it, what runs goes on; `drain`: the same, and it is paused once that has ended;
    `resume`: takes either back at once."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"


class SandboxOrder(StrEnum):
    """`freeze` and `thaw`: a live sandbox and its clocks stand still, go on; `kill`: end it without its cooperation;
    `remove`: only what has ended or belongs to no run."""

    FREEZE = "freeze"
    THAW = "thaw"
    KILL = "kill"
    REMOVE = "remove"


class Orders(Protocol):
    """Each is refused with IllegalMove or Conflict where the transition table has no such move, naming the state."""

    async def order_goal(self, goal: str, order: GoalOrder, by: str = "operator") -> GoalView: ...

    async def retry(self, ref: str, *, fresh: bool = False, by: str = "operator") -> GoalView:
        """A new run of a failed task, or of each failed task of a group or goal; a blocked one's question is answered.
        `fresh`: its counters of failures begin anew. Returns the goal, reopened when it had failed."""
        ...

    async def skip(self, ref: str, by: str = "operator") -> GoalView:
        """Go on without one task; its open gate or decision closes. Returns the goal."""
        ...

    async def switch_dispatch(self, on: bool, by: str = "operator") -> EngineInfo:
        """The kill switch: while it is off nothing starts in any goal; what runs goes on. It survives a restart."""
        ...

    async def order_sandbox(self, sandbox: str, order: SandboxOrder, by: str = "operator") -> SandboxOutcome:
        """`sandbox` is its name, a unique prefix of that, or a ref to the run or task it belongs to."""
        ...

    async def interrupt(self, run: str, by: str = "operator") -> RunView:
        """INT to the main process of a running sandbox, which ends by it or goes on. IllegalMove unless it is running,
        Conflict while it is frozen. `run` is a ref to it or to its task."""
        ...
