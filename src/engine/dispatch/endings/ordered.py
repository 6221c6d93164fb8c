"""What the end of a run is called once an operator had a hand in it (R32)."""

from dataclasses import replace
from datetime import datetime
from signal import SIGINT

from engine.dispatch.endings.ending import Ending
from engine.model import ExitCause, RunRecord

SHIFT = 128  # a shell answers 128 + n for a child that signal n ended


def as_ordered(ending: Ending, run: RunRecord, killed_by: str, at: datetime, grace: float) -> Ending:
    """A run that an operator killed or interrupted is no failure of its task, and waits for a word.

    `at`: when it ended, `grace`: seconds in which any end is taken for one by its interruption; later only one by INT
    is. An exit 0 in that time, of an agent that did not say it is done, may be half a result: a human looks at it.
    """
    if ending.cause is ExitCause.CANCELLED:
        return replace(ending, message=f"killed by {killed_by}", killed=True) if killed_by else ending
    by, since = run.interrupted_by, run.interrupted_at
    if by is None or since is None or ending.cause not in (ExitCause.EXIT, ExitCause.SIGNAL):
        return ending
    soon = (at - since).total_seconds() <= grace
    if ending.succeeded:
        return replace(ending, cut=by) if soon and not ending.reported else ending
    if not soon and SIGINT not in (ending.signal, (ending.exit_code or 0) - SHIFT):
        return ending
    words = "\n".join([f"interrupted by {by}", *ending.message.splitlines()[1:]])
    return replace(ending, cause=ExitCause.CANCELLED, message=words, killed=True)
