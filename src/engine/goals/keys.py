"""Which keys a goal file knows, which ones come in a later version, and which ones never, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model import GateKind

LATER = "is not available in this version"


@dataclass(frozen=True)
class Keys:
    """The keys of one place. `later`: valid in the format, with what can be done today; `never`: with the reason."""

    known: tuple[str, ...]
    later: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)


_AGENTS = "name profiles in the settings (`[agents.NAME]`) and one of them with `agent:`"

GOAL = Keys(
    known=(
        *("goal", "repo", "runtime", "policy", "defaults", "vars", "tasks"),
        *("run", "agent", "prompt", "sandbox", "env", "retries", "artifacts", "requires_approval", "stall"),
    ),
    later={"agents": _AGENTS, "schedule": "remove it"},
    never={"budget": "the budget of a goal stands in `policy: {budget: …}`"},
)
RUN_ONLY = ("sandbox", "env", "retries", "artifacts", "requires_approval", "stall")

POLICY = Keys(known=("max_parallel", "on_failure", "session", "order", "budget"))
BUDGET = Keys(known=("wall", "cost_usd", "tokens", "disk"))
TASK_BUDGET = Keys(
    known=("wall", "cost_usd", "tokens"),
    never={"disk": "one work folder is limited by `sandbox.work_limit`, those of a goal by its `policy`"},
)
STALL = Keys(known=("quiet", "repeats"))

_COUNTED = "a tester has no limit of its own: that of the goal counts it"
TESTERS = Keys(
    known=(
        *("run", "agent", "prompt", "sandbox", "env", "retries", "artifacts"),
        *("ratio", "max", "batch", "max_cycles"),
    ),
    never={
        "requires_approval": "what a tester finds takes effect at once",
        **dict.fromkeys(("needs", "priority"), "testers take what is done, and work goes first"),
        **dict.fromkeys(("budget", "stall"), _COUNTED),
        **dict.fromkeys(("verdict", "on_reject"), "a tester names what is broken with `ph complete --broken KEY=WHAT`"),
    },
)

DEFAULTS = Keys(known=("sandbox",))

FRAGMENT = Keys(
    known=("tasks",),
    never={
        "goal": "these tasks join a goal that there is already",
        **dict.fromkeys(("vars", "defaults", "policy", "repo"), "those of the goal hold for its new tasks too"),
    },
)

TASK = Keys(
    known=(
        *(
            "id",
            "title",
            "description",
            "needs",
            "priority",
            "run",
            "merge",
            "gate",
            "tasks",
            "order",
            "require",
            "on_failure",
        ),
        *(
            "agent",
            "prompt",
            "retries",
            "requires_approval",
            "artifacts",
            "sandbox",
            "env",
            "budget",
            "stall",
            "planned_by",
            "testers",
            "session",
            "continues",
            *("verdict", "on_reject"),
        ),
    ),
    later={
        "when": "use `needs`",
        "acceptance": "check it in a task with `run:`",
        "leases": "order the tasks with `needs`",
        "batch": "write one task each",
    },
)
SESSION = ("session", "continues")
JUDGED = ("verdict", "on_reject")
LEAF_KINDS = ("run", "agent", "merge", "gate", "tasks")
COMMON = frozenset({"id", "title", "description", "needs", "priority"})
BELONGS: Mapping[str, frozenset[str]] = {
    "run": frozenset({"run", "budget", *SESSION, *JUDGED, *RUN_ONLY}),
    "agent": frozenset({"agent", "prompt", "budget", *SESSION, *JUDGED, *RUN_ONLY}),
    "merge": frozenset({"merge"}),
    "gate": frozenset({"gate", "on_reject"}),
    "tasks": frozenset({"tasks", "order", "require", "on_failure", "planned_by", "testers"}),
}

MERGE = Keys(known=("into",))

ON_REJECT = Keys(known=("rework", "max_cycles", "then"))

GATE = Keys(
    known=(
        *("kind", "question", "deadline", "on_deadline", "risk", "rework", "options", "fields", "repo", "pr", "pr_url"),
        *("head_sha", "poll", "name", "key", "wait", "gates", "n"),
    ),
    later={"match": "write the fields that must fit (`repo`, `pr`, `head_sha`, `name`, `key`) beside `kind`"},
)
_HUMAN = ("risk", "rework")
_PULL = ("repo", "pr", "pr_url", "head_sha", "poll")
GATE_COMMON = frozenset({"kind", "question"})
GATE_DEADLINES = frozenset({"deadline", "on_deadline"})
GATE_BELONGS: Mapping[GateKind, frozenset[str]] = {
    GateKind.HUMAN_APPROVAL: frozenset(_HUMAN),
    GateKind.CHOICE: frozenset({*_HUMAN, "options"}),
    GateKind.FORM: frozenset({*_HUMAN, "fields"}),
    GateKind.GH_CI: frozenset(_PULL),
    GateKind.GH_REVIEW: frozenset(_PULL),
    GateKind.PR_REVIEW: frozenset({*_PULL, "name"}),
    GateKind.WEBHOOK: frozenset({"name", "key"}),
    GateKind.TIMER: frozenset({"wait"}),
    GateKind.ALL: frozenset({"gates", "rework"}),
    GateKind.ANY: frozenset({"gates", "rework"}),
    GateKind.N_OF: frozenset({"gates", "n", "rework"}),
}

SENDS_BACK = frozenset({*GateKind} - {GateKind.HUMAN_APPROVAL, GateKind.CHOICE, GateKind.FORM, GateKind.TIMER})
"""Kinds that may fail by a signal, and then send work back."""

FORM_FIELD = Keys(known=("name", "type", "label", "required", "options"))

_HOST = "it would share part of the host with the sandbox"
_WIDER = "it would widen what the sandbox may do"
_FILES = "a sandbox sees its own work folder and no other files of the host"

SANDBOX = Keys(
    known=("image", "memory", "cpus", "pids", "network", "egress", "ask", "timeout", "idle_timeout", "env"),
    never={
        "privileged": "it would give the sandbox the whole host",
        **dict.fromkeys(("cap_add", "capabilities", "security_opt", "apparmor", "seccomp", "sysctls"), _WIDER),
        **dict.fromkeys(("user", "group_add", "read_only", "ulimits", "oom_score_adj", "runtime"), _WIDER),
        **dict.fromkeys(("devices", "device_requests", "device_cgroup_rules", "gpus"), _HOST),
        **dict.fromkeys(("network_mode", "networks", "net", "ports", "extra_hosts", "links"), _HOST),
        **dict.fromkeys(("pid", "pid_mode", "ipc", "ipc_mode", "uts", "uts_mode", "userns", "userns_mode"), _HOST),
        **dict.fromkeys(("cgroup", "cgroupns", "cgroup_parent"), _HOST),
        **dict.fromkeys(("volumes", "volumes_from", "binds", "mounts", "tmpfs", "docker_socket"), _FILES),
    },
)
