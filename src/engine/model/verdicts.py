"""How a task is judged by its run, and what follows when that says no (DESIGN section 1: verdict, rework)."""

from enum import StrEnum
from typing import assert_never

from pydantic import BaseModel, ConfigDict

LONGEST_TOLD = 16_000  # characters that the next run is told of one verdict; all of it stands in its inputs


class VerdictKind(StrEnum):
    """What a run's verdict is read from: its exit code, a review, or a list of checks."""

    EXIT = "exit"
    REVIEW = "review"
    CHECKS = "checks"


class ReviewWord(StrEnum):
    """What a reviewer says of what it was shown."""

    APPROVED = "approved"
    NEEDS_REVISION = "needs_revision"


class Then(StrEnum):
    """What comes after the last round of rework that a goal file grants: a human is asked, or the task fails."""

    ASK = "ask"
    FAIL = "fail"


class Said(BaseModel):
    """A part of a verdict: immutable."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Finding(Said):
    """One thing a reviewer found, where, and how bad it says it is."""

    file: str = ""
    line: int | None = None
    severity: str = ""
    text: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        head = " ".join(part for part in (place, f"({self.severity})" if self.severity else "") if part)
        return f"{head}: {self.text}" if head else self.text


class Check(Said):
    """One check of a list, with what it printed."""

    name: str
    passed: bool
    output: str = ""


class Judgement(Said):
    """A sound verdict of one run. `feedback`: what is to change; all of its texts are foreign."""

    kind: VerdictKind
    passed: bool
    summary: str = ""
    feedback: str = ""
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def outcome(self) -> str:
        """What it says, in our own words."""
        match self.kind:
            case VerdictKind.CHECKS:
                failed = sum(not check.passed for check in self.checks)
                return f"{failed} of {len(self.checks)} checks failed" if failed else "all checks passed"
            case VerdictKind.EXIT | VerdictKind.REVIEW:
                return "approved" if self.passed else "asks for changes"
            case _:
                assert_never(self.kind)

    @property
    def words(self) -> str:
        """The outcome, and the first line of its summary."""
        summary = self.summary.strip().splitlines()
        return f"{self.outcome}: {summary[0]}" if summary else self.outcome

    @property
    def told(self) -> str:
        """What the run that is to make it right is told."""
        lines = [self.feedback.strip() or self.summary.strip()]
        lines += [f"- {finding}" for finding in self.findings]
        lines += [f"- {check.name} failed\n{check.output.strip()}".strip() for check in self.checks if not check.passed]
        text = "\n".join(line for line in lines if line)
        return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}\n… (the rest stands in the inputs)"
