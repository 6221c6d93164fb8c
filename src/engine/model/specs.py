"""What a goal file says, after parsing: frozen, complete, ready to store as JSON."""

from pydantic import BaseModel, ConfigDict, Field

from engine.model.states import GateKind, OnDeadline, OnFailure, Order, Risk, Runtime, SessionPolicy, TaskKind
from engine.units import Bytes, Seconds


class Frozen(BaseModel):
    """A value that crosses a border: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SandboxLimits(Frozen):
    """Limits and surroundings of one sandbox. Sizes in bytes, times in seconds."""

    image: str = "auto"
    memory: Bytes = 512 * 1024**2
    cpus: float = 1.0
    pids: int = 512
    network: str = "none"
    timeout: Seconds = 1800.0
    idle_timeout: Seconds = 600.0
    env: dict[str, str] = Field(default_factory=dict)


class GateSpec(Frozen):
    """A durable wait. `rework` names the task that runs again when changes are asked for."""

    kind: GateKind = GateKind.HUMAN_APPROVAL
    question: str = ""
    deadline: Seconds | None = None
    on_deadline: OnDeadline = OnDeadline.FAIL
    risk: Risk = Risk.NORMAL
    rework: str | None = None


class MergeSpec(Frozen):
    """The goal's branch goes into this branch of the operator's repository; the engine does it, no sandbox."""

    into: str


class TaskSpec(Frozen):
    """One task as declared. `run`: a string runs with `sh -c`, a tuple is argv.
    Exactly one of run, merge, gate and tasks is given."""

    id: str
    title: str
    kind: TaskKind
    line: int = 0
    run: str | tuple[str, ...] | None = None
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
    tasks: tuple["TaskSpec", ...] = ()


class GoalPolicy(Frozen):
    max_parallel: int | None = None
    on_failure: OnFailure = OnFailure.STOP
    session: SessionPolicy = SessionPolicy.SPAWN
    order: Order = Order.SEQUENTIAL


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
