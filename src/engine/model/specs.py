"""What a goal file says, after parsing: frozen, complete, ready to store as JSON."""

from math import floor
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from engine.model.states import (
    BudgetKind,
    FieldType,
    GateKind,
    OnDeadline,
    OnFailure,
    Order,
    Risk,
    Runtime,
    SessionPolicy,
    TaskKind,
)
from engine.model.verdicts import Then, VerdictKind
from engine.units import Bytes, Seconds, listed


class Frozen(BaseModel):
    """A value that crosses a border: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


def _in_one_way(listed: tuple[str, ...]) -> tuple[str, ...]:
    from engine.model.destinations import MOST_LISTED, Destination  # only where there is a list

    if len(listed) > MOST_LISTED:
        raise ValueError(f"more than {MOST_LISTED} entries")
    return tuple(dict.fromkeys(str(Destination.parse(text)) for text in listed))


EgressList = Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(_in_one_way)]
"""What a sandbox may reach, each as host:port."""


class SandboxLimits(Frozen):
    """Limits and surroundings of one sandbox. Sizes in bytes, times in seconds. Under the network `egress` it reaches
    what `egress` lists, and with `ask` a human is asked about the rest."""

    image: str = "auto"
    memory: Bytes = 512 * 1024**2
    cpus: float = 1.0
    pids: int = 512
    network: str = "none"
    egress: EgressList = ()
    ask: bool = False
    timeout: Seconds = 1800.0
    idle_timeout: Seconds = 600.0
    env: dict[str, str] = Field(default_factory=dict)


class FormField(Frozen):
    """One field of a form. `options`: what a `choice` may be."""

    name: str
    type: FieldType = FieldType.TEXT
    label: str = ""
    required: bool = True
    options: tuple[str, ...] = ()


class GateSpec(Frozen):
    """A durable wait. `rework` names the task that runs again when changes are asked for.

    `options` of a choice, `fields` of a form; `repo`, `pr`, `pr_url`, `head_sha`, `name`, `key`: what a signal must
    say word for word (R65), `poll` false: only signals resolve it; `wait`: seconds of a timer; `gates`: the members
    of a compound one, `n` of which must pass under `n_of`.
    """

    kind: GateKind = GateKind.HUMAN_APPROVAL
    options: tuple[str, ...] = ()
    fields: tuple[FormField, ...] = ()
    repo: str | None = None
    pr: int | None = None
    pr_url: str | None = None
    head_sha: str | None = None
    name: str | None = None
    key: str | None = None
    poll: bool = True
    wait: Seconds | None = None
    gates: tuple["GateSpec", ...] = ()
    n: int | None = None
    question: str = ""
    deadline: Seconds | None = None
    on_deadline: OnDeadline = OnDeadline.FAIL
    risk: Risk = Risk.NORMAL
    rework: str | None = None


class MergeSpec(Frozen):
    """The goal's branch goes into this branch of the operator's repository; the engine does it, no sandbox."""

    into: str


class Budget(Frozen):
    """What a goal or a task may use: `wall` in seconds during which a run of it lives, US dollars, tokens read and
    written, `disk` in bytes that its work folders hold. None: no limit."""

    wall: Seconds | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    disk: Bytes | None = None

    def limits(self) -> dict[BudgetKind, float]:
        """The limits that are set, by kind."""
        found = {kind: getattr(self, kind.value) for kind in BudgetKind}
        return {kind: float(limit) for kind, limit in found.items() if limit is not None}


class StallSpec(Frozen):
    """When a task's run looks stalled: `quiet` in seconds without a sign of life, `repeats` of one action in a row.
    None: as the engine's settings say."""

    quiet: Seconds | None = None
    repeats: int | None = None


class OnReject(Frozen):
    """What follows when a task's verdict asks for changes: `rework` runs again with the words why, at most `max_cycles`
    times."""

    rework: str
    max_cycles: int = 3
    then: Then = Then.ASK


class TaskSpec(Frozen):
    """One task as declared. `run`: a string runs with `sh -c`, a tuple is argv. `agent`: the profile that works on
    `prompt`, `provider` the service whose rate limits it shares. Exactly one of run, agent, merge, gate and tasks is
    given; `planned_by`: the task that adds more to this group; `pin`: the sandbox it shares, one task at a time, with
    others: `root` is the goal's own, any other is named after the task whose sandbox goes on in them. `verdict`: what
    its runs are judged by, `on_reject` what a no leads to; without that the task fails. `testers`: what stands beside
    this group while it is worked on."""

    id: str
    title: str
    kind: TaskKind
    description: str = ""
    line: int = 0
    run: str | tuple[str, ...] | None = None
    agent: str | None = None
    prompt: str = ""
    provider: str | None = None
    merge: MergeSpec | None = None
    gate: GateSpec | None = None
    sandbox: SandboxLimits = SandboxLimits()
    needs: tuple[str, ...] = ()
    order: Order = Order.SEQUENTIAL
    require: str = "all"  # all | any | a count of children
    on_failure: OnFailure = OnFailure.STOP
    retries: int = 0
    priority: int = 0
    requires_approval: bool = False
    artifacts: tuple[str, ...] = ()
    budget: Budget | None = None
    stall: StallSpec | None = None
    tasks: tuple["TaskSpec", ...] = ()
    planned_by: str | None = None
    pin: str | None = None
    verdict: VerdictKind = VerdictKind.EXIT
    on_reject: OnReject | None = None
    testers: "TestersSpec | None" = None

    @property
    def judges(self) -> bool:
        """Whether its runs end with a verdict that is kept."""
        return self.verdict is not VerdictKind.EXIT or self.on_reject is not None

    @property
    def sandboxed(self) -> bool:
        """Whether it runs in a sandbox: a command or an agent."""
        return self.run is not None or self.agent is not None


class TestersSpec(Frozen):
    """Regression testers beside the workers of a group: `work` is what each of them does with up to `batch` done tasks
    at once; at most `ratio` of them for each live worker, rounded down, and `max` in all. A task is re-opened at most
    `max_cycles` times before a human is asked."""

    work: TaskSpec
    ratio: float = 0.5
    max: int = 1
    batch: int = 3
    max_cycles: int = 3

    @staticmethod
    def within(ratio: float, most: int, workers: int) -> int:
        """How many may live beside so many live workers."""
        return min(most, floor(ratio * workers))


class GoalPolicy(Frozen):
    max_parallel: int | None = None
    on_failure: OnFailure = OnFailure.STOP
    session: SessionPolicy = SessionPolicy.SPAWN
    order: Order = Order.SEQUENTIAL
    budget: Budget | None = None


class GoalSpec(Frozen):
    """A parsed goal file. `root` is the goal's own root task: a group of all top-level tasks, or, for a goal
    without tasks, the one work task it is (R9). `repo` is an absolute path."""

    title: str
    root: TaskSpec
    policy: GoalPolicy = GoalPolicy()
    repo: str | None = None
    runtime: Runtime | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    source: str = ""
    path: str = ""
