"""Exit codes of goals that have ended."""

from engine.api import GoalView
from engine.errors import ExitCode
from engine.model import GoalState

_BY_STATE = {
    GoalState.DONE: ExitCode.DONE,
    GoalState.FAILED: ExitCode.TASK_FAILED,
    GoalState.CANCELLED: ExitCode.INTERRUPTED,
}
_KNOWN = frozenset(int(code) for code in ExitCode)


def ended_with(goal: GoalView) -> ExitCode:
    """The code the engine gave it, else the one of its final state. KeyError for a goal that has not ended."""
    if goal.exit_code in _KNOWN:
        return ExitCode(goal.exit_code)
    return _BY_STATE[goal.state]
