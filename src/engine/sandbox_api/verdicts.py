"""A verdict as an agent writes it, read without forgiving anything that could turn a no into a yes (R86)."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, ValidationError
from pydantic_core import from_json

from engine.errors import Invalid
from engine.model import Check, Finding, Judgement, ReviewWord, VerdictKind
from engine.sandbox_api.outbox import VERDICT

Long = Annotated[str, StringConstraints(max_length=100_000)]


class _Written(BaseModel):
    """Fields that nobody asked for mean nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Finding(_Written):
    file: Long = ""
    line: int | None = None
    severity: Long = ""
    text: Long = ""


class _Check(_Written):
    name: Annotated[Long, StringConstraints(min_length=1)]
    passed: StrictBool
    output: Long = ""


class _Review(_Written):
    verdict: ReviewWord
    summary: Long = ""
    feedback: Long = ""
    findings: tuple[_Finding, ...] = Field((), max_length=1000)


class _Checks(_Written):
    all_passed: StrictBool
    checks: tuple[_Check, ...] = Field(min_length=1, max_length=1000)
    summary: Long = ""
    feedback: Long = ""


def document(content: bytes) -> dict[str, Any]:
    """The JSON object in a verdict file. Invalid when it is none, or says something twice."""
    try:
        from_json(content, allow_inf_nan=False)  # bounds how deep it nests
        found = json.loads(content, object_pairs_hook=_once)
    except ValueError as error:
        raise Invalid(f"{VERDICT} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{VERDICT} is no JSON object")
    return found


def judgement(kind: VerdictKind, said: dict[str, Any]) -> Judgement:
    """The verdict in a document. Invalid when something is missing, malformed, or contradicts the rest."""
    for other in ("all_passed", "checks") if kind is VerdictKind.REVIEW else ("verdict",):
        if other in said:
            raise Invalid(f"`{other}` has no meaning in a verdict of kind {kind}")
    try:
        return _review(said) if kind is VerdictKind.REVIEW else _checks(said)
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()[:5]]
        raise Invalid("; ".join(rows)) from error


def _review(said: dict[str, Any]) -> Judgement:
    read = _Review.model_validate(said)
    passed = read.verdict is ReviewWord.APPROVED
    if not passed and not read.feedback.strip():
        raise Invalid(f"{read.verdict} without `feedback`", hint="say what is to change")
    findings = tuple(Finding.model_validate(each.model_dump()) for each in read.findings)
    return Judgement(
        kind=VerdictKind.REVIEW, passed=passed, summary=read.summary, feedback=read.feedback, findings=findings
    )


def _checks(said: dict[str, Any]) -> Judgement:
    read = _Checks.model_validate(said)
    if read.all_passed != all(check.passed for check in read.checks):
        names = ", ".join(check.name for check in read.checks if not check.passed)[:200] or "none"
        raise Invalid(f"`all_passed` is {str(read.all_passed).lower()}, and of its checks failed: {names}")
    checks = tuple(Check.model_validate(each.model_dump()) for each in read.checks)
    return Judgement(
        kind=VerdictKind.CHECKS, passed=read.all_passed, summary=read.summary, feedback=read.feedback, checks=checks
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice")
    return found
