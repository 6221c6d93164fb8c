"""The `gate:` mapping of a task."""

from engine.goals.document import Scalar
from engine.goals.fields import Fields, Word
from engine.goals.keys import GATE, GATE_KINDS_LATER
from engine.model import GateKind, GateSpec, OnDeadline, Risk

EXAMPLE = "gate: {kind: human_approval, question: Ship it?}"


def read_gate(fields: Fields) -> tuple[GateSpec, Word | None]:
    """The gate without its rework task, and what the file says about that."""
    inner = fields.section("gate", GATE, "`gate`", EXAMPLE)
    if inner is None:
        return GateSpec(), None
    kind = inner.choice("kind", GateKind, GATE_KINDS_LATER)
    if not inner.has("kind"):
        inner.problems.add(inner.line, "the gate has no `kind`", "write `kind: human_approval`")
    question = inner.text("question")
    on_deadline = inner.choice("on_deadline", OnDeadline, ("escalate",))
    if on_deadline is not None and not inner.has("deadline"):
        inner.problems.add(inner.line_of("on_deadline"), "`on_deadline` without `deadline`", "add `deadline: 1h`")
    gate = GateSpec(
        kind=kind or GateKind.HUMAN_APPROVAL,
        question=(question or "").strip(),
        deadline=inner.duration("deadline"),
        on_deadline=on_deadline or OnDeadline.FAIL,
        risk=inner.choice("risk", Risk) or Risk.NORMAL,
    )
    return gate, _rework(inner)


def _rework(inner: Fields) -> Word | None:
    node = inner.node("rework")
    text = inner.text("rework") if isinstance(node, Scalar) else None
    return None if text is None or node is None else Word(text, node.line)
