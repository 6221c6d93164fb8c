"""What a gate waits for, in a few words."""

from typing import assert_never

from engine.model import GateKind, GateSpec
from engine.units import format_duration


def gate_words(spec: GateSpec) -> str:
    """Such as `CI of o/r#12`: one line, foreign text as it stands."""
    match spec.kind:
        case GateKind.HUMAN_APPROVAL:
            return spec.question or "human approval"
        case GateKind.CHOICE:
            return spec.question or f"a choice of {', '.join(spec.options)}"
        case GateKind.FORM:
            return spec.question or f"a form: {', '.join(field.name for field in spec.fields)}"
        case GateKind.GH_CI:
            return f"CI of {_subject(spec)}"
        case GateKind.GH_REVIEW:
            return f"review of {_subject(spec)}"
        case GateKind.PR_REVIEW:
            return f"review of {_subject(spec)}" + (f" by {spec.name}" if spec.name else "")
        case GateKind.WEBHOOK:
            return f"webhook {spec.name}" + (f" with key {spec.key}" if spec.key else "")
        case GateKind.TIMER:
            return f"timer of {format_duration(spec.wait or 0.0)}"
        case GateKind.ALL | GateKind.ANY:
            return f"{spec.kind} of {len(spec.gates)} gates"
        case GateKind.N_OF:
            return f"{spec.n} of {len(spec.gates)} gates"
        case _:
            assert_never(spec.kind)


def _subject(spec: GateSpec) -> str:
    return (
        f"{spec.repo}#{spec.pr}"
        if spec.pr is not None
        else f"{spec.repo} at {spec.head_sha or 'the commit of the goal'}"
    )
