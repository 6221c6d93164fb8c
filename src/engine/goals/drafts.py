"""A task while its file is being read: everything a TaskSpec holds, with lines, before the tree is checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.goals.fields import Word
from engine.goals.outline import Outline
from engine.model import (
    Budget,
    GateSpec,
    MergeSpec,
    OnFailure,
    OnReject,
    Order,
    SandboxLimits,
    SessionPolicy,
    StallSpec,
    TaskKind,
    TaskSpec,
    TestersSpec,
    VerdictKind,
)

ROOT = "root"
"""The key of a goal's own root task; no task of a file may use it."""


@dataclass
class Draft:
    """`kind` None: the task does not say what it is, which has been reported."""

    id: str
    title: str
    line: int
    kind: TaskKind | None = None
    description: str = ""
    run: str | tuple[str, ...] | None = None
    agent: str | None = None
    prompt: str = ""
    provider: str | None = None
    merge: MergeSpec | None = None
    gate: GateSpec | None = None
    rework: Word | None = None
    sandbox: SandboxLimits = field(default_factory=SandboxLimits)
    needs: list[Word] = field(default_factory=list)
    order: Order = Order.SEQUENTIAL
    require: str = "all"
    on_failure: OnFailure = OnFailure.STOP
    retries: int = 0
    priority: int = 0
    requires_approval: bool = False
    artifacts: tuple[str, ...] = ()
    budget: Budget | None = None
    stall: StallSpec | None = None
    children: list["Draft"] = field(default_factory=list)
    planned_by: Word | None = None
    testers: TestersSpec | None = None
    stored: str | None = None  # the id of a task that a goal has already; its line is 0
    pin: str | None = None  # of a stored task
    session: SessionPolicy | None = None
    continues: Word | None = None
    verdict: VerdictKind = VerdictKind.EXIT
    on_reject: OnReject | None = None

    @property
    def works(self) -> bool:
        """Whether a run of it does something: a command or an agent."""
        return self.run is not None or self.agent is not None


def in_tree_order(root: Draft) -> Iterator[Draft]:
    """Every draft, parents before children."""
    stack = [root]
    while stack:
        draft = stack.pop()
        yield draft
        stack.extend(reversed(draft.children))


def outline_of(drafts: Sequence[Draft]) -> Outline:
    """The shape of drafts given in tree order; needs that name nothing, or the own line of descent, are left out."""
    outline = Outline()
    number = {id(draft): index for index, draft in enumerate(drafts)}
    by_key = {draft.id: index for index, draft in reversed(list(enumerate(drafts)))}
    parents = {id(child): number[id(draft)] for draft in drafts for child in draft.children}
    for draft in drafts:
        outline.add(
            draft.id,
            parents.get(id(draft)),
            sequential=draft.order is Order.SEQUENTIAL,
            works=draft.works,
            group=draft.kind is TaskKind.GROUP,
        )
    for index, draft in enumerate(drafts):
        outline.needs[index] = [
            by_key[word.text]
            for word in draft.needs
            if word.text in by_key and not outline.related(index, by_key[word.text])
        ]
    return outline


def build_specs(drafts: Sequence[Draft], rework: Mapping[str, str], pins: Mapping[str, str]) -> TaskSpec:
    """The root TaskSpec of sound drafts in tree order; `rework` names a task per gate, `pins` the sandbox
    per task that shares one."""
    built: dict[int, TaskSpec] = {}
    for draft in reversed(drafts):
        gate = draft.gate
        if gate is not None and draft.id in rework:
            gate = gate.model_copy(update={"rework": rework[draft.id]})
        assert draft.kind is not None
        built[id(draft)] = TaskSpec(
            id=draft.id,
            title=draft.title,
            kind=draft.kind,
            description=draft.description,
            line=draft.line,
            run=draft.run,
            agent=draft.agent,
            prompt=draft.prompt,
            provider=draft.provider,
            merge=draft.merge,
            gate=gate,
            sandbox=draft.sandbox,
            needs=tuple(word.text for word in draft.needs),
            order=draft.order,
            require=draft.require,
            on_failure=draft.on_failure,
            retries=draft.retries,
            priority=draft.priority,
            requires_approval=draft.requires_approval,
            artifacts=draft.artifacts,
            budget=draft.budget,
            stall=draft.stall,
            pin=pins.get(draft.id),
            verdict=draft.verdict,
            on_reject=draft.on_reject,
            planned_by=None if draft.planned_by is None else draft.planned_by.text,
            testers=draft.testers,
            tasks=tuple(built.pop(id(child)) for child in draft.children),
        )
    return built[id(drafts[0])]
