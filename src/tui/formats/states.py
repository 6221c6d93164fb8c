"""A state is a glyph and a word, never colour alone (KEYMAP section 4)."""

from engine.api import DecisionView, GoalView, RunView
from engine.model import ExitCause, GoalState, RunState, TaskState
from tui.formats.cleaning import one_line

_GLYPHS: dict[str, tuple[str, str]] = {
    TaskState.PENDING: ("○", "."),
    TaskState.CLAIMED: ("◔", "c"),
    TaskState.RUNNING: ("▶", ">"),
    TaskState.WAITING: ("◆", "?"),
    TaskState.REVIEW: ("◎", "r"),
    TaskState.BLOCKED: ("■", "#"),
    TaskState.DONE: ("✓", "+"),
    TaskState.FAILED: ("✗", "x"),
    TaskState.CANCELLED: ("⊘", "/"),
    TaskState.SKIPPED: ("–", "-"),
    GoalState.DRAFT: ("○", "."),
    GoalState.ACTIVE: ("▶", ">"),
    GoalState.PAUSED: ("‖", "="),
    GoalState.DRAINING: ("◔", "c"),
    RunState.CREATED: ("○", "."),
    RunState.STARTING: ("◔", "c"),
    RunState.ENDED: ("●", "*"),
    "frozen": ("□", "z"),
}
SHORT = 6  # `d-8k2m`: twenty random bits tell the few decisions one sees at a time apart


def glyph(state: str, *, plain: bool = False) -> str:
    """One cell for a goal, task or run state; `plain` for terminals without the signs."""
    return _GLYPHS.get(state, ("·", "~"))[plain]


def state_words(goal: GoalView) -> str:
    """The word of a goal: its state, or `waiting` when nothing in it can go on by itself."""
    return "waiting" if goal.waiting and goal.state is GoalState.ACTIVE else goal.state.value


def run_word(run: RunView) -> str:
    """How a run stands or ended: `running`, `exit 0`, `oom`, `timeout`."""
    if run.state is not RunState.ENDED or run.cause is None:
        return run.state.value
    if run.cause is ExitCause.EXIT:
        return f"exit {run.exit_code}"
    if run.cause is ExitCause.SIGNAL:
        return f"signal {run.signal}"
    return run.cause.value.replace("_", " ")


def other_side(decision: DecisionView) -> str:
    """The branch that a conflict is with; the name of an operator's is foreign text, made harmless."""
    into = decision.evidence.get("into")
    return one_line(str(into), visible=True) if into else "the goal's branch"


def short(ref: str) -> str:
    """The first characters of an id, as shown and as typed."""
    return ref[:SHORT]
