"""What a goal would do, drawn from its specification alone: order, waves, limits, the longest chain of work."""

from collections.abc import Iterator
from itertools import accumulate

from engine.api import PlanTask, PlanView
from engine.goals.drafts import ROOT
from engine.goals.gate_words import gate_words
from engine.goals.outline import Outline, end_of, start_of
from engine.model import (
    HUMAN_GATES,
    GateKind,
    GateSpec,
    GoalSpec,
    Order,
    SandboxLimits,
    TaskKind,
    TaskSpec,
    TestersSpec,
    Then,
    VerdictKind,
)
from engine.model.destinations import EGRESS
from engine.units import format_duration, format_size

SHORT = 72


def plan(spec: GoalSpec) -> PlanView:
    """Rows depth first, without the root group; a goal without tasks is one row.

    `step` counts waves of leaves from 1; the critical path is the chain with the most work tasks.
    """
    rows = list(_rows(spec.root))
    outline = _outline(rows)
    steps, chain = _times(outline)
    critical = set(chain)
    ahead = list(accumulate((index in critical for index in range(len(rows))), initial=0))
    shown = rows[1:] if spec.root.kind is TaskKind.GROUP else rows
    skipped = len(rows) - len(shown)
    tasks = [
        PlanTask(
            key=task.id,
            title=task.title,
            kind=task.kind,
            depth=depth - skipped,
            order=task.order,
            needs=task.needs,
            step=steps[index],
            critical=ahead[outline.last[index] + 1] > ahead[index],
            does=_does(task),
            limits=_limits(task),
        )
        for index, (task, depth) in enumerate(shown, start=skipped)
    ]
    return PlanView(
        title=spec.title,
        path=spec.path,
        repo=spec.repo,
        max_parallel=spec.policy.max_parallel,
        tasks=tuple(tasks),
        critical_path=tuple(outline.keys[index] for index in chain),
        variables=spec.variables,
    )


def _rows(root: TaskSpec) -> Iterator[tuple[TaskSpec, int]]:
    stack = [(root, 0)]
    while stack:
        task, depth = stack.pop()
        yield task, depth
        stack.extend((child, depth + 1) for child in reversed(task.tasks))


def _outline(rows: list[tuple[TaskSpec, int]]) -> Outline:
    outline = Outline()
    line: list[int] = []  # the indexes of a task's ancestors
    for index, (task, depth) in enumerate(rows):
        del line[depth:]
        parent = line[-1] if line else None
        line.append(index)
        works = task.kind is TaskKind.WORK
        outline.add(task.id, parent, sequential=task.order is Order.SEQUENTIAL, works=works, group=bool(task.tasks))
    by_key = {key: index for index, key in enumerate(outline.keys)}
    for index, (task, _) in enumerate(rows):
        outline.needs[index] = [by_key[key] for key in task.needs]
    return outline


def _times(outline: Outline) -> tuple[list[int], list[int]]:
    """The wave each task can start in, and the leaves of the longest chain in order."""
    wave = [0] * (2 * len(outline.keys))
    weight = [(0, 0)] * len(wave)  # work tasks, then leaves of any kind
    came: list[int | None] = [None] * len(wave)
    for moment in outline.in_time_order():
        task = moment // 2
        leaf = moment == end_of(task) and not outline.group[task]
        earlier = list(outline.waits(moment))
        wave[moment] = max((wave[other] for other in earlier), default=1) + leaf
        came[moment] = max(earlier, key=lambda other: weight[other], default=None)
        before = came[moment]
        works, leaves = weight[before] if before is not None else (0, 0)
        weight[moment] = (works + (leaf and outline.works[task]), leaves + leaf)
    chain: list[int] = []
    at: int | None = end_of(0)
    while at is not None:
        if at % 2 and not outline.group[at // 2]:
            chain.append(at // 2)
        at = came[at]
    return [wave[start_of(task)] for task in range(len(outline.keys))], chain[::-1]


def _does(task: TaskSpec) -> str:
    if task.merge is not None:
        return f"merge into {task.merge.into}"
    if task.gate is not None:
        return _short(_gate(task.gate, task.title))
    if task.agent is not None:
        return _short(f"agent {task.agent}: {task.prompt}")
    if task.run is not None:
        return _short(task.run if isinstance(task.run, str) else " ".join(task.run))
    require = "" if task.require == "all" else f", {task.require} of them must be done"
    testers = "" if task.testers is None else f", {_testers(task.testers)}"
    return f"{len(task.tasks)} {'task' if len(task.tasks) == 1 else 'tasks'}, {task.order}{require}{testers}"


def _gate(gate: GateSpec, title: str) -> str:
    """`asks: Ship it?`, `waits for CI of o/r#12`, `waits for any of: …`."""
    if gate.kind in HUMAN_GATES:
        options = f" ({', '.join(gate.options)})" if gate.options else ""
        return f"asks: {gate.question or f'May {title} pass?'}{options}"
    return f"waits for {_members(gate)}"


def _members(gate: GateSpec) -> str:
    if not gate.gates:
        return gate_words(gate)
    inner = (f"({_members(member)})" if member.gates else _members(member) for member in gate.gates)
    return f"{gate.n if gate.kind is GateKind.N_OF else gate.kind} of: {', '.join(inner)}"


def _asks(gate: GateSpec) -> bool:
    return gate.kind in HUMAN_GATES or any(map(_asks, gate.gates))


def _gate_limits(gate: GateSpec) -> Iterator[str]:
    """Its deadline and, where a person may be asked, how much hangs on the answer."""
    if gate.kind is not GateKind.TIMER:
        yield f"{format_duration(gate.deadline)}, then {gate.on_deadline}" if gate.deadline else "no deadline"
    if _asks(gate):
        yield f"risk {gate.risk}"
    if not gate.poll:
        yield "by signals only"


def _testers(testers: TestersSpec) -> str:
    """`beside testers: 0.5 for each worker, 2 at most, 3 tasks each`."""
    tasks = "1 task" if testers.batch == 1 else f"{testers.batch} tasks"
    return f"beside testers: {testers.ratio:g} for each worker, {testers.max} at most, {tasks} each"


def _short(text: str) -> str:
    first, *rest = text.strip().splitlines() or [""]
    cut = first if len(first) <= SHORT else first[: SHORT - 1]
    return cut + ("…" if rest or cut != first else "")


def _limits(task: TaskSpec) -> str:
    if task.gate is not None:
        changed = task.gate.rework if _asks(task.gate) and task.on_reject is None else None
        changes = [f"changes go to {changed}"] if changed else []
        return " · ".join([*_gate_limits(task.gate), *changes, *_judged(task)])
    if not task.sandboxed:
        return "by the engine" if task.merge is not None else f"on failure {task.on_failure}"
    limits = task.sandbox
    words = [format_size(limits.memory), f"{limits.cpus:g} cpu", f"{limits.pids} processes"]
    words.append(network_words(limits))
    words.append(f"{format_duration(limits.timeout)}, idle {format_duration(limits.idle_timeout)}")
    if task.pin is not None:
        words.append("in the goal's sandbox" if task.pin == ROOT else f"in the sandbox of {task.pin}")
    if limits.image != "auto":
        words.append(f"image {limits.image}")
    if task.retries:
        words.append(f"{task.retries} {'retry' if task.retries == 1 else 'retries'}")
    if task.requires_approval:
        words.append("its result waits for a person")
    return " · ".join([*words, *_judged(task)])


def _judged(task: TaskSpec) -> Iterator[str]:
    if task.verdict is not VerdictKind.EXIT:
        yield f"verdict by {task.verdict}"
    if (no := task.on_reject) is not None:
        times = "once" if no.max_cycles == 1 else f"{no.max_cycles} times"
        yield f"a no sends {no.rework} back, at most {times}, then {'asks' if no.then is Then.ASK else 'fails'}"


def network_words(limits: SandboxLimits) -> str:
    """What a sandbox can reach: `egress to pypi.org:443, asks about the rest`."""
    if limits.network == "none":
        return "no network"
    if limits.network != EGRESS:
        return f"network {limits.network}"
    listed = ", ".join(limits.egress) or "nothing"
    return f"egress to {listed}" + (", asks about the rest" if limits.ask else "")
