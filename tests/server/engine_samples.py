"""One full view of each kind, with text that is hard to carry: line ends of all sorts, control characters, emoji."""

from datetime import UTC, datetime

from engine.api import (
    DecisionCard,
    DecisionView,
    Diff,
    DiffFile,
    EngineInfo,
    GoalView,
    Leftover,
    LeftoverKind,
    LogLine,
    LogPage,
    RunView,
    SandboxOutcome,
    SandboxView,
    Sweep,
    TaskView,
    TreeNode,
    WaitingOn,
    Why,
)
from engine.model import (
    AnswerKind,
    DecisionKind,
    DecisionState,
    DriverName,
    ExitCause,
    GoalState,
    OnFailure,
    Order,
    Risk,
    RunState,
    Runtime,
    Stream,
    TaskKind,
    TaskState,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
HARD = 'a\nb\r\nc\u2028d\u2029e\x85f\x0bg\x0ch\x1b[31mi\x00j "quoted" \\ 🚀 ü'

INFO = EngineInfo(
    id="e-0000000000",
    state="running",
    pid=4242,
    host="bridge",
    version="0.1.0",
    project="/srv/project",
    runtime=Runtime.AUTO,
    driver=DriverName.PROCESS,
    live_runs=2,
    max_parallel=4,
    seq=0,
    started_at=NOON,
    notices=("no daemon answers: the process driver takes over",),
)
WAITING = WaitingOn(kind="decision", id="d-0000000001", task="t-0000000001", label=HARD, until=NOON)
GOAL = GoalView(
    id="g-0000000001",
    title=HARD,
    state=GoalState.ACTIVE,
    version=7,
    waiting=True,
    waiting_on=(WAITING,),
    counts={TaskState.DONE: 2, TaskState.WAITING: 1},
    progress=(2, 3),
    repo="/srv/project",
    branch="pilothouse/g-0000000001",
    created_at=NOON,
    started_at=NOON,
)
RUN = RunView(
    id="r-0000000001",
    goal=GOAL.id,
    task="t-0000000001",
    key="build",
    n=2,
    state=RunState.ENDED,
    driver=DriverName.DOCKER,
    sandbox="ph-00000000-r-0000000001",
    container_id="c" * 64,
    cause=ExitCause.OOM,
    exit_code=137,
    signal=9,
    oom=True,
    memory=512 * 1024**2,
    message=HARD,
    last_lines=(HARD, ""),
    commit="f" * 40,
    created_at=NOON,
    started_at=NOON,
    ended_at=NOON,
    duration=1.5,
)
TASK = TaskView(
    id="t-0000000001",
    goal=GOAL.id,
    key="build",
    title=HARD,
    kind=TaskKind.WORK,
    state=TaskState.FAILED,
    version=3,
    cause="oom",
    command="make",
    image="pilothouse/sandbox:1",
    memory=512 * 1024**2,
    cpus=1.0,
    pids=512,
    network="none",
    timeout=1800.0,
    order=Order.SEQUENTIAL,
    require="all",
    on_failure=OnFailure.ASK,
    retries=2,
    failures=1,
    priority=0,
    not_before=NOON,
    needs=(("prepare", TaskState.DONE),),
    blocks=(("ship", TaskState.PENDING),),
    runs=(RUN,),
    decision=None,
    created_at=NOON,
    started_at=NOON,
    ended_at=None,
)
TREE = TreeNode(
    id=GOAL.id,
    key="",
    title=HARD,
    kind="goal",
    state=GoalState.ACTIVE,
    version=7,
    children=(
        TreeNode(id=TASK.id, key="build", title="Build", kind=TaskKind.WORK, state=TaskState.DONE, version=1, runs=2),
        TreeNode(
            id="t-0000000002",
            key="checks",
            title="Checks",
            kind=TaskKind.GROUP,
            state=TaskState.WAITING,
            version=1,
            order=Order.PARALLEL,
            require="any",
            children=(
                TreeNode(
                    id="t-0000000003", key="why", title="", kind=TaskKind.GATE, state=TaskState.WAITING, version=1
                ),
            ),
        ),
    ),
)
WHY = Why(id=TASK.id, key="build", state="failed", summary=HARD, reasons=(HARD, "second"), last_lines=(HARD,))
DECISION = DecisionView(
    id="d-0000000001",
    version=2,
    kind=DecisionKind.APPROVAL,
    state=DecisionState.PENDING,
    goal=GOAL.id,
    goal_title=GOAL.title,
    task="t-0000000003",
    task_key="why",
    question=HARD,
    options=(AnswerKind.APPROVE, AnswerKind.REJECT, AnswerKind.CHANGES),
    risk=Risk.HIGH,
    deadline=NOON,
    opened_at=NOON,
    blocks=3,
    content="sha256:abc",
)
DIFF = Diff(base="a" * 40, commit="b" * 40, files=(DiffFile(path=HARD, added=3, removed=1),), text=HARD * 50)
LINES = tuple(
    LogLine(n=n, at=NOON, stream=stream, text=HARD if n % 2 else f"line {n}")
    for n, stream in enumerate([Stream.OUT, Stream.ERR, Stream.GAP, Stream.NOTE, Stream.OUT])
)
LEFT = Leftover(kind=LeftoverKind.WORK, name="/srv/work/r-0000000001", run=RUN.id, size=4096, note=HARD)
SWEEP = Sweep(dry_run=True, leftovers=(LEFT,), unknown=(HARD,))
PAGE = LogPage(run=RUN.id, lines=LINES, first=0, total=len(LINES), ended=True)
CARD = DecisionCard(decision=DECISION, blocks=("ship",), diff=DIFF, last_run=RUN, last_lines=LINES)
SANDBOX = SandboxView(
    name=RUN.sandbox,
    driver=DriverName.DOCKER,
    container_id=RUN.container_id,
    goal=GOAL.id,
    task=TASK.id,
    task_key="build",
    run=RUN.id,
    state=RunState.RUNNING,
    started_at=NOON,
    memory=RUN.memory or 0,
    cpus=1.0,
    network="none",
    image="pilothouse/sandbox:1",
    frozen=True,
)
OUTCOME = SandboxOutcome(name=RUN.sandbox, state="frozen", run=RUN.id, task=TASK.id, task_key=HARD)
