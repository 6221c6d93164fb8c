"""A goal file's text to a GoalSpec, or every problem it has."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.goals.agent_keys import Profiles
from engine.goals.budgets import read_goal_budget
from engine.goals.document import Listing, Table, load_document
from engine.goals.drafts import ROOT, Draft, build_specs, in_tree_order, outline_of
from engine.goals.fields import Fields
from engine.goals.keys import DEFAULTS, GOAL, POLICY, RUN_ONLY
from engine.goals.problems import Problems, listing
from engine.goals.sandbox_keys import Limits, read_sandbox
from engine.goals.sessions import read_pins
from engine.goals.tasks import TaskReader
from engine.goals.tree_rules import check_tree, rework_targets
from engine.goals.variables import read_variables
from engine.model import GoalPolicy, GoalSpec, OnFailure, Order, Runtime, SandboxLimits, SessionPolicy, TaskKind


def parse_goal(
    source: str,
    path: str,
    variables: Mapping[str, str],
    *,
    limits: SandboxLimits | None = None,
    agents: Profiles | None = None,
    folder: str | None = None,
) -> GoalSpec:
    """The goal that `source` describes. `path` names the file in messages; a relative `repo:` starts at `folder`, or
    where the file is; `variables` are the values given with --set; `limits` are those of the project, under
    `defaults:` of the file; `agents` its profiles, None when they are not known.

    Raises InvalidGoalFile with one `path:line: what; what to do` row for every problem.
    """
    with uncollected():
        return _parsed(source, path, variables, limits, agents, Path(path).parent if folder is None else Path(folder))


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector: reading makes hundreds of thousands of objects and no garbage, and each look at
    all of them costs as much as reading them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _parsed(
    source: str,
    path: str,
    variables: Mapping[str, str],
    limits: SandboxLimits | None,
    agents: Profiles | None,
    folder: Path,
) -> GoalSpec:
    problems = Problems(path)
    fields = read_goal(source, variables, problems)
    known = fields.variables
    policy = _policy(fields)
    repo = _repo(fields, folder)
    root = _root(fields, policy, limits, agents)
    drafts = list(in_tree_order(root))
    outline = outline_of(drafts)
    check_tree(drafts, outline, has_repo=fields.has("repo"), problems=problems)
    pins = read_pins(drafts, outline, policy.session, problems)
    runtime = fields.choice("runtime", Runtime)
    problems.raise_if_any()
    rework = rework_targets(drafts, outline)
    return GoalSpec(
        title=root.title,
        root=build_specs(drafts, rework, pins),
        policy=policy,
        repo=repo,
        runtime=runtime,
        variables=dict(known.values),
        source=source,
        path=path,
    )


def read_goal(source: str, variables: Mapping[str, str], problems: Problems) -> Fields:
    """The top of a goal file with its variables; raises InvalidGoalFile when it is no mapping."""
    document = load_document(source, problems)
    if document is not None and not isinstance(document, Table):
        problems.add(document.line, "the file is not a mapping", "start with `goal: …` and `tasks:`")
    if not isinstance(document, Table):
        problems.raise_if_any()
        raise AssertionError("a document that cannot be read has a problem")
    vars_node = document.pairs["vars"][1] if "vars" in document.pairs else None
    known = read_variables(vars_node, variables, problems)
    return Fields(document, "a goal file", GOAL, known)


def _policy(fields: Fields) -> GoalPolicy:
    inner = fields.section("policy", POLICY, "`policy`", "policy: {max_parallel: 4}")
    if inner is None:
        return GoalPolicy()
    return GoalPolicy(
        max_parallel=inner.integer("max_parallel", 1, 1000),
        on_failure=inner.choice("on_failure", OnFailure) or OnFailure.STOP,
        session=inner.choice("session", SessionPolicy) or SessionPolicy.SPAWN,
        order=inner.choice("order", Order) or Order.SEQUENTIAL,
        budget=read_goal_budget(inner),
    )


def _repo(fields: Fields, folder: Path) -> str | None:
    text = fields.text("repo")
    if text is None:
        return None
    repo = Path(text.strip())
    if repo.parts and repo.parts[0].startswith("~"):
        try:
            repo = repo.expanduser()
        except RuntimeError:
            fields.problems.add(fields.line_of("repo"), "`repo` names a home folder that is not known", "write it out")
            return None
    return str((folder / repo).resolve())


def read_defaults(fields: Fields, limits: SandboxLimits | None) -> list[Limits]:
    """What every sandbox starts from, the weaker first."""
    project = limits.model_dump(exclude_unset=True) if limits is not None else {}
    inner = fields.section("defaults", DEFAULTS, "`defaults`", "defaults: {sandbox: {memory: 512m}}")
    return [project, read_sandbox(inner) if inner is not None else {}]


def _root(fields: Fields, policy: GoalPolicy, limits: SandboxLimits | None, agents: Profiles | None) -> Draft:
    """The root task: a group of all top-level tasks, or the one work task that the goal itself is."""
    title = fields.text("goal")
    if not fields.has("goal"):
        fields.problems.add(fields.line, "the file has no `goal`", "add `goal: what is to be reached`")
    root = Draft(ROOT, (title or ROOT).strip(), fields.line_of("goal"))
    reader = TaskReader(fields.variables, read_defaults(fields, limits), agents, has_repo=fields.has("repo"))
    said = [key for key in ("run", "agent") if fields.has(key)]
    if said:
        if fields.has("tasks"):
            fields.problems.add(
                fields.line_of(said[0]), f"the goal has both `{said[0]}` and `tasks`", "move it into a task"
            )
        if len(said) > 1:
            fields.problems.add(fields.line_of("agent"), "the goal has both `run` and `agent`", "keep one of them")
        if fields.has("prompt") and not fields.has("agent"):
            fields.problems.add(fields.line_of("prompt"), "a prompt has no agent", "add `agent: PROFILE`")
        reader.read_work(root, fields)
        return root
    _refuse_run_keys(fields)
    root.kind, root.order, root.on_failure = TaskKind.GROUP, policy.order, policy.on_failure
    node = fields.node("tasks")
    if not fields.has("tasks"):
        fields.problems.add(fields.line, "the goal has nothing to do", "add `tasks:`, or one command as `run:`")
    elif isinstance(node, Listing) and not node.items:
        fields.problems.add(fields.line_of("tasks"), "the goal has no tasks", "add one, or one command as `run:`")
    reader.read_children(root, node)
    return root


def _refuse_run_keys(fields: Fields) -> None:
    given = [key for key in ("prompt", *RUN_ONLY) if fields.has(key)]
    if given:
        todo = "put it into a task, or into `defaults: {sandbox: …}`"
        fields.problems.add(fields.line_of(given[0]), f"{listing(given)} beside `tasks` has no meaning", todo)
