"""`verdict:` of a task with a command or an agent, and `on_reject:` of one or of a gate."""

from engine.goals.drafts import Draft
from engine.goals.fields import Fields, Word
from engine.goals.keys import ON_REJECT, SENDS_BACK
from engine.goals.problems import listing
from engine.model import GateKind, OnReject, Then, VerdictKind

EXAMPLE = "on_reject: {rework: write, max_cycles: 3, then: ask}"
MOST_CYCLES = 100
USUAL_CYCLES = 3


def read_verdict(draft: Draft, fields: Fields) -> None:
    """Fill in what judges it, and what follows a no; whether the task it names is there is looked at with the tree."""
    draft.verdict = fields.choice("verdict", VerdictKind) or VerdictKind.EXIT
    read_on_reject(draft, fields)


def read_gate_reject(draft: Draft, fields: Fields) -> None:
    """What follows when a signal says no at a gate; a human who says no has said what follows."""
    kind = draft.gate.kind if draft.gate is not None else GateKind.HUMAN_APPROVAL
    if fields.has("on_reject") and kind not in SENDS_BACK:
        what = f"`on_reject` has no meaning beside a gate of kind `{kind}`"
        fields.problems.add(fields.line_of("on_reject"), what, f"it belongs to {listing(sorted(SENDS_BACK))}")
    elif fields.has("on_reject") and draft.rework is not None:
        what = "`rework` of the gate says what runs again, and so does `on_reject`"
        fields.problems.add(draft.rework.line, what, "keep `on_reject`")
    else:
        read_on_reject(draft, fields)


def read_on_reject(draft: Draft, fields: Fields) -> None:
    """Fill in what follows a no."""
    inner = fields.section("on_reject", ON_REJECT, "`on_reject`", EXAMPLE)
    if inner is None:
        return
    target = inner.text("rework")
    if not inner.has("rework"):
        inner.problems.add(inner.line, "`on_reject` does not say what runs again", "add `rework: TASK`")
    cycles = inner.integer("max_cycles", 1, MOST_CYCLES) or USUAL_CYCLES
    then = inner.choice("then", Then) or Then.ASK
    if target is not None:
        draft.rework = Word(target.strip(), inner.line_of("rework"))
        draft.on_reject = OnReject(rework=draft.rework.text, max_cycles=cycles, then=then)
