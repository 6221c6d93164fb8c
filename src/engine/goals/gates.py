"""The `gate:` mapping of a task: every kind with the keys it takes, compound ones with their members."""

from typing import assert_never

from engine.goals.document import Listing, Scalar, Table
from engine.goals.fields import Fields, Word
from engine.goals.forms import read_form_fields, read_options
from engine.goals.keys import GATE, GATE_BELONGS, GATE_COMMON, GATE_DEADLINES
from engine.goals.problems import listing, shown
from engine.goals.pulls import read_pull
from engine.model import GateKind, GateSpec, OnDeadline, Risk

EXAMPLE = "gate: {kind: human_approval, question: Ship it?}"
DEEPEST = 5  # compound gates in each other
MOST_MEMBERS = 100


def read_gate(fields: Fields, *, has_repo: bool = False) -> tuple[GateSpec, Word | None]:
    """The gate without its rework task, and what the file says about that. `has_repo`: the goal has a branch, whose
    commit a gate may be about."""
    inner = fields.section("gate", GATE, "`gate`", EXAMPLE)
    if inner is None:
        return GateSpec(), None
    return _read(inner, has_repo, 1), _rework(inner)


def _read(inner: Fields, has_repo: bool, depth: int) -> GateSpec:
    """One gate, a member of a compound one like a task's own."""
    kind = inner.choice("kind", GateKind)
    if not inner.has("kind"):
        inner.problems.add(inner.line, "the gate has no `kind`", "write `kind: human_approval`")
    if kind is None:
        return GateSpec()
    _refuse_foreign_keys(inner, kind)
    common = _common(inner)
    if kind in (GateKind.CHOICE, GateKind.FORM) and common["on_deadline"] is OnDeadline.APPROVE:
        told = f"a deadline cannot approve a gate of kind `{kind}`: nothing would be answered"
        inner.problems.add(inner.line_of("on_deadline"), told, "write `on_deadline: fail`, `remind` or `escalate`")
    match kind:
        case GateKind.HUMAN_APPROVAL:
            said: dict[str, object] = {}
        case GateKind.CHOICE:
            said = {"options": read_options(inner, "a choice")}
        case GateKind.FORM:
            said = {"fields": read_form_fields(inner)}
        case GateKind.GH_CI | GateKind.GH_REVIEW | GateKind.PR_REVIEW:
            said = read_pull(inner, kind, has_repo=has_repo)
        case GateKind.WEBHOOK:
            said = _webhook(inner)
        case GateKind.TIMER:
            said = {"wait": _wait(inner)}
        case GateKind.ALL | GateKind.ANY | GateKind.N_OF:
            said = _members(inner, kind, has_repo, depth)
        case _:
            assert_never(kind)
    return GateSpec.model_validate({"kind": kind, **common, **said})


def _refuse_foreign_keys(inner: Fields, kind: GateKind) -> None:
    allowed = GATE_COMMON | GATE_BELONGS[kind] | (frozenset() if kind is GateKind.TIMER else GATE_DEADLINES)
    for key in GATE.known:
        if inner.has(key) and key not in allowed:
            todo = f"it takes {listing(sorted(allowed - {'kind'}))}"
            inner.problems.add(inner.line_of(key), f"{shown(key)} has no meaning in a gate of kind `{kind}`", todo)


def _common(inner: Fields) -> dict[str, object]:
    question = inner.text("question")
    on_deadline = inner.choice("on_deadline", OnDeadline)
    if on_deadline is not None and not inner.has("deadline"):
        inner.problems.add(inner.line_of("on_deadline"), "`on_deadline` without `deadline`", "add `deadline: 1h`")
    return {
        "question": (question or "").strip(),
        "deadline": inner.duration("deadline"),
        "on_deadline": on_deadline or OnDeadline.FAIL,
        "risk": inner.choice("risk", Risk) or Risk.NORMAL,
    }


def _webhook(inner: Fields) -> dict[str, object]:
    name, key = inner.text("name"), inner.text("key")
    if not inner.has("name"):
        inner.problems.add(inner.line, "a webhook gate has no `name`", "write `name: deploy.done`")
    return {"name": None if name is None else name.strip(), "key": None if key is None else key.strip()}


def _wait(inner: Fields) -> float | None:
    if not inner.has("wait"):
        inner.problems.add(inner.line, "a timer has no `wait`", "write `wait: 10m`")
    return inner.duration("wait")


def _members(inner: Fields, kind: GateKind, has_repo: bool, depth: int) -> dict[str, object]:
    node = inner.node("gates")
    items = node.items if isinstance(node, Listing) else []
    if not inner.has("gates") or (node is not None and not items):
        todo = "write `gates: [{kind: timer, wait: 10m}, …]`"
        inner.problems.add(inner.line_of("gates"), f"a gate of kind `{kind}` has no list of `gates`", todo)
    if depth >= DEEPEST or len(items) > MOST_MEMBERS:
        limit = f"at most {MOST_MEMBERS} members, and {DEEPEST} compound gates in each other"
        inner.problems.add(inner.line_of("gates"), "the gate is too large", limit)
        return {}
    members = []
    for item in items:
        if isinstance(item, Table):
            member = Fields(item, "a gate", GATE, inner.variables)
            if member.has("rework"):
                inner.problems.add(member.line_of("rework"), "`rework` inside `gates`", "write it beside `gates`")
            members.append(_read(member, has_repo, depth + 1))
        else:
            inner.problems.add(item.line, "a member of `gates` is not a mapping", "write `{kind: …}`")
    return {"gates": members, "n": _count(inner, kind, len(items))}


def _count(inner: Fields, kind: GateKind, size: int) -> int | None:
    if kind is not GateKind.N_OF:
        return None
    if not inner.has("n"):
        inner.problems.add(inner.line, "a gate of kind `n_of` has no `n`", "write how many of its gates must pass")
        return None
    return inner.integer("n", 1, max(1, size))


def _rework(inner: Fields) -> Word | None:
    node = inner.node("rework")
    text = inner.text("rework") if isinstance(node, Scalar) else None
    return None if text is None or node is None else Word(text, node.line)
