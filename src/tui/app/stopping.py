"""Stopped by job control and continued: told apart from a terminal that hangs up."""

import signal
from types import FrameType


def resume_only_what_was_stopped() -> None:
    """Let SIGCONT take the terminal again only after a SIGTSTP gave it back. Main thread, once the screen is up.

    A session whose terminal hangs up gets SIGCONT right behind SIGHUP (POSIX, setpgid and orphaned groups); a screen
    that then starts anew writes to a terminal that is gone, and never ends.
    """
    stop, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not callable(stop) or not callable(resume):
        return
    stopped = False

    def on_stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        stop(number, frame)

    def on_resume(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped:
            stopped = False
            resume(number, frame)

    signal.signal(signal.SIGTSTP, on_stop)
    signal.signal(signal.SIGCONT, on_resume)
