"""Which keys a goal file knows, which ones come in a later version, and which ones never, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LATER = "is not available in this version"


@dataclass(frozen=True)
class Keys:
    """The keys of one place. `later`: valid in the format, with what can be done today; `never`: with the reason."""

    known: tuple[str, ...]
    later: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)


_AGENT = "start the program with `run:`"

GOAL = Keys(
    known=(
        *("goal", "repo", "runtime", "policy", "defaults", "vars", "tasks"),
        *("run", "sandbox", "env", "retries", "artifacts", "requires_approval"),
    ),
    later={"agent": _AGENT, "prompt": _AGENT, "agents": _AGENT, "budget": "remove it", "schedule": "remove it"},
)
RUN_ONLY = ("sandbox", "env", "retries", "artifacts", "requires_approval")

POLICY = Keys(
    known=("max_parallel", "on_failure", "session", "order"),
    later={"budget": "limit each task with `sandbox: {timeout: …}`"},
)

DEFAULTS = Keys(known=("sandbox",))

TASK = Keys(
    known=(
        *("id", "title", "needs", "priority", "run", "merge", "gate", "tasks", "order", "require", "on_failure"),
        *("retries", "requires_approval", "artifacts", "sandbox", "env"),
    ),
    later={
        "agent": _AGENT,
        "prompt": _AGENT,
        "verdict": "let the command exit with 0 or 1",
        "on_reject": "use a gate with `rework: TASK`",
        "planned_by": "write the tasks of the group into the file",
        "when": "use `needs`",
        "session": "every task runs in a sandbox of its own",
        "budget": "limit the task with `sandbox: {timeout: …}`",
        "acceptance": "check it in a task with `run:`",
        "leases": "order the tasks with `needs`",
        "batch": "write one task each",
    },
)
LEAF_KINDS = ("run", "merge", "gate", "tasks")
COMMON = frozenset({"id", "title", "needs", "priority"})
BELONGS: Mapping[str, frozenset[str]] = {
    "run": frozenset({"run", *RUN_ONLY}),
    "merge": frozenset({"merge"}),
    "gate": frozenset({"gate"}),
    "tasks": frozenset({"tasks", "order", "require", "on_failure"}),
}

MERGE = Keys(known=("into",))

GATE = Keys(
    known=("kind", "question", "deadline", "on_deadline", "risk", "rework"),
    later={
        "options": "ask a question that is answered with yes or no",
        "fields": "ask a question that is answered with yes or no",
        **dict.fromkeys(
            ("repo", "pr", "pr_url", "head_sha", "poll", "name", "key", "match", "gates", "n"),
            "only `kind: human_approval` waits in this version",
        ),
    },
)
GATE_KINDS_LATER = (
    *("choice", "form", "gh_ci", "gh_review", "pr_review", "webhook", "timer"),
    *("all", "any", "n_of"),
)

_HOST = "it would share part of the host with the sandbox"
_WIDER = "it would widen what the sandbox may do"
_FILES = "a sandbox sees its own work folder and no other files of the host"

SANDBOX = Keys(
    known=("image", "memory", "cpus", "pids", "network", "timeout", "idle_timeout", "env"),
    later={"egress": "use `network: none` or `network: open`", "ask": "use `network: none` or `network: open`"},
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
