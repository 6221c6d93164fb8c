"""What a goal file says is what the specification holds."""

from pathlib import Path
from textwrap import dedent

from goal_texts import parsed, task

from engine.goals import parse_goal
from engine.model import (
    GateKind,
    OnDeadline,
    OnFailure,
    Order,
    Risk,
    Runtime,
    SandboxLimits,
    SessionPolicy,
    TaskKind,
)

FULL = """\
goal: Ship the {{ what }}
repo: ../code
runtime: process
policy: {max_parallel: 3, on_failure: continue, session: spawn, order: parallel}
vars: {what: greeting, who: world, count: 2}
defaults:
  sandbox: {memory: 256m, cpus: 0.5, pids: 64, timeout: 5m, idle_timeout: 90s, env: {A: a, B: "b"}}
tasks:
  - id: build
    title: Build it
    run: echo hello {{ who }}
    retries: "{{ count }}"
    priority: -3
    requires_approval: yes
    artifacts: [out/*.txt, "{{ what }}.md"]
    sandbox: {memory: 1g, network: open, image: "registry.example:5000/a/b:1.2", env: {B: own}}
    env: {C: 8080}
  - id: checks
    needs: [build]
    order: parallel
    require: 1
    on_failure: ask
    tasks:
      - id: unit
        run: [python3, -m, unittest, ""]
      - id: lint
        run: true
  - id: ship
    needs: [checks]
    gate:
      kind: human_approval
      question: Ship {{ what }}?
      deadline: 1h30m
      on_deadline: remind
      risk: high
      rework: build
  - id: land
    needs: [ship]
    merge: {into: release/1.0}
"""


def test_every_key_reaches_the_specification() -> None:
    spec = parsed(FULL, path="/project/goals/goal.yaml")
    assert (spec.title, spec.repo, spec.runtime) == ("Ship the greeting", "/project/code", Runtime.PROCESS)
    assert (spec.policy.max_parallel, spec.policy.on_failure) == (3, OnFailure.CONTINUE)
    assert (spec.policy.session, spec.policy.order) == (SessionPolicy.SPAWN, Order.PARALLEL)
    assert (spec.root.kind, spec.root.order, spec.root.on_failure) == (
        TaskKind.GROUP,
        Order.PARALLEL,
        OnFailure.CONTINUE,
    )
    assert [child.id for child in spec.root.tasks] == ["build", "checks", "ship", "land"]
    assert spec.variables == {"what": "greeting", "who": "world", "count": "2"}
    assert (spec.source, spec.path) == (FULL, "/project/goals/goal.yaml")


def test_a_work_task_is_complete() -> None:
    build = task(parsed(FULL), "build")
    assert (build.kind, build.title, build.run, build.line) == (TaskKind.WORK, "Build it", "echo hello world", 9)
    assert (build.retries, build.priority, build.requires_approval) == (2, -3, True)
    assert build.artifacts == ("out/*.txt", "greeting.md")
    limits = build.sandbox
    assert (limits.memory, limits.cpus, limits.pids, limits.network) == (1024**3, 0.5, 64, "open")
    assert (limits.timeout, limits.idle_timeout) == (300, 90)
    assert limits.image == "registry.example:5000/a/b:1.2"
    assert limits.env == {"A": "a", "B": "own", "C": "8080"}


def test_a_list_is_argv_and_a_word_of_yaml_is_still_a_command() -> None:
    spec = parsed(FULL)
    assert task(spec, "unit").run == ("python3", "-m", "unittest", "")
    assert task(spec, "lint").run == "true"


def test_groups_gates_and_merges_are_complete() -> None:
    spec = parsed(FULL)
    checks, ship, land = task(spec, "checks"), task(spec, "ship"), task(spec, "land")
    assert (checks.kind, checks.order, checks.require) == (TaskKind.GROUP, Order.PARALLEL, "1")
    assert (checks.on_failure, checks.needs) == (OnFailure.ASK, ("build",))
    assert ship.kind is TaskKind.GATE
    assert ship.gate is not None
    assert (ship.gate.kind, ship.gate.question) == (GateKind.HUMAN_APPROVAL, "Ship greeting?")
    assert (ship.gate.deadline, ship.gate.on_deadline, ship.gate.risk) == (5400, OnDeadline.REMIND, Risk.HIGH)
    assert ship.gate.rework == "build"
    assert land.kind is TaskKind.WORK
    assert land.merge is not None
    assert land.merge.into == "release/1.0"


def test_r09_a_goal_without_tasks_is_one_work_task() -> None:
    spec = parsed("goal: Say hello\nrun: echo hello\nretries: 1\nenv: {A: b}\nartifacts: [a.txt]\n")
    assert (spec.root.id, spec.root.kind, spec.root.run) == ("root", TaskKind.WORK, "echo hello")
    assert (spec.root.title, spec.root.retries, spec.root.sandbox.env) == ("Say hello", 1, {"A": "b"})
    assert spec.root.tasks == ()
    assert spec.repo is None


def test_what_is_not_said_has_its_default_and_is_not_marked_as_said() -> None:
    spec = parsed("goal: g\ntasks: [{id: a, run: x, sandbox: {memory: 64m}}]\n")
    only = spec.root.tasks[0]
    assert (spec.policy.max_parallel, spec.runtime, only.title) == (None, None, "a")
    assert (only.sandbox.network, only.sandbox.timeout) == ("none", 1800)
    assert only.sandbox.model_fields_set == {"memory"}


def test_limits_of_the_project_stand_under_those_of_the_file() -> None:
    text = """\
        goal: g
        defaults: {sandbox: {memory: 64m, env: {B: file, C: file}}}
        tasks: [{id: a, run: x, env: {C: task}}]
        """
    project = SandboxLimits(memory=1024**3, pids=99, env={"A": "project", "B": "project"})
    limits = parse_goal(dedent(text), "/g.yaml", {}, limits=project).root.tasks[0].sandbox
    assert (limits.memory, limits.pids, limits.cpus) == (64 * 1024**2, 99, 1.0)
    assert limits.env == {"A": "project", "B": "file", "C": "task"}


def test_repo_is_resolved_against_the_folder_of_the_goal_file(tmp_path: Path) -> None:
    goal = str(tmp_path / "goals" / "goal.yaml")
    text = "goal: g\nrepo: {repo}\nrun: x\n"
    assert parsed(text.format(repo="."), path=goal).repo == str(tmp_path / "goals")
    assert parsed(text.format(repo="../code"), path=goal).repo == str(tmp_path / "code")
    assert parsed(text.format(repo="/abs/olute"), path=goal).repo == "/abs/olute"
    assert parsed(text.format(repo="~/code"), path=goal).repo == str(Path.home() / "code")


def test_aliases_repeat_a_value() -> None:
    spec = parsed("goal: g\ntasks:\n- {id: a, run: x, env: &e {K: v}}\n- {id: b, run: y, env: *e}\n")
    assert [child.sandbox.env for child in spec.root.tasks] == [{"K": "v"}, {"K": "v"}]


def test_a_specification_survives_json() -> None:
    spec = parsed(FULL)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec
