"""Verdicts and rework as the engine shows them. Every text of a verdict is foreign."""

from datetime import datetime

from engine.api.view import View
from engine.model import Check, Finding, OnReject, VerdictKind


class VerdictView(View):
    """What run `n` of a task said of what it looked at. `outcome` is that in our own words."""

    run: str
    n: int
    task: str
    task_key: str
    kind: VerdictKind
    passed: bool
    outcome: str
    summary: str = ""
    feedback: str = ""
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    at: datetime


class Asked(View):
    """Words for the next run of a task: of `task_key`, whose `run` it was, or of the human who answered `decision`."""

    text: str
    at: datetime
    decision: str | None = None
    run: str | None = None
    task_key: str | None = None


class Judging(View):
    """How a task is judged: by `kind`, with what follows a no; `rounds` of rework it has asked for so far; `verdicts`
    of its runs, and what it was `asked` for itself, the oldest first."""

    kind: VerdictKind
    on_reject: OnReject | None = None
    rounds: int = 0
    verdicts: tuple[VerdictView, ...] = ()
    asked: tuple[Asked, ...] = ()
