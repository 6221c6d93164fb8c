"""A goal file's text to a GoalSpec, or every problem it has."""

from collections.abc import Mapping
from pathlib import Path

from engine.goals.document import Listing, Table, load_document
from engine.goals.drafts import ROOT, Draft, build_specs, in_tree_order, outline_of
from engine.goals.fields import Fields
from engine.goals.keys import DEFAULTS, GOAL, POLICY, RUN_ONLY
from engine.goals.problems import Problems, listing
from engine.goals.sandbox_keys import Limits, read_sandbox
from engine.goals.tasks import TaskReader
from engine.goals.tree_rules import check_tree, rework_targets
from engine.goals.variables import read_variables
from engine.model import GoalPolicy, GoalSpec, OnFailure, Order, Runtime, SandboxLimits, SessionPolicy, TaskKind

SESSIONS_LATER = ("reuse", "auto")


def parse_goal(
    source: str, path: str, variables: Mapping[str, str], *, limits: SandboxLimits | None = None
) -> GoalSpec:
    """The goal that `source` describes. `path` names the file in messages and is what a relative `repo:` starts from;
    `variables` are the values given with --set; `limits` are those of the project, under `defaults:` of the file.

    Raises InvalidGoalFile with one `path:line: what; what to do` row for every problem.
    """
    problems = Problems(path)
    document = load_document(source, problems)
    if document is not None and not isinstance(document, Table):
        problems.add(document.line, "the file is not a mapping", "start with `goal: …` and `tasks:`")
    if not isinstance(document, Table):
        problems.raise_if_any()
        raise AssertionError("a document that cannot be read has a problem")
    vars_node = document.pairs["vars"][1] if "vars" in document.pairs else None
    known = read_variables(vars_node, variables, problems)
    fields = Fields(document, "a goal file", GOAL, known)
    policy = _policy(fields)
    repo = _repo(fields, path)
    root = _root(fields, policy, limits)
    drafts = list(in_tree_order(root))
    outline = outline_of(drafts)
    check_tree(drafts, outline, has_repo=fields.has("repo"), problems=problems)
    runtime = fields.choice("runtime", Runtime)
    problems.raise_if_any()
    rework = rework_targets(drafts, outline)
    return GoalSpec(
        title=root.title,
        root=build_specs(drafts, rework),
        policy=policy,
        repo=repo,
        runtime=runtime,
        variables=dict(known.values),
        source=source,
        path=path,
    )


def _policy(fields: Fields) -> GoalPolicy:
    inner = fields.section("policy", POLICY, "`policy`", "policy: {max_parallel: 4}")
    if inner is None:
        return GoalPolicy()
    return GoalPolicy(
        max_parallel=inner.integer("max_parallel", 1, 1000),
        on_failure=inner.choice("on_failure", OnFailure) or OnFailure.STOP,
        session=inner.choice("session", SessionPolicy, SESSIONS_LATER) or SessionPolicy.SPAWN,
        order=inner.choice("order", Order) or Order.SEQUENTIAL,
    )


def _repo(fields: Fields, path: str) -> str | None:
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
    return str((Path(path).parent / repo).resolve())


def _defaults(fields: Fields, limits: SandboxLimits | None) -> list[Limits]:
    """What every sandbox starts from, the weaker first."""
    project = limits.model_dump(exclude_unset=True) if limits is not None else {}
    inner = fields.section("defaults", DEFAULTS, "`defaults`", "defaults: {sandbox: {memory: 512m}}")
    return [project, read_sandbox(inner) if inner is not None else {}]


def _root(fields: Fields, policy: GoalPolicy, limits: SandboxLimits | None) -> Draft:
    """The root task: a group of all top-level tasks, or the one work task that the goal itself is."""
    title = fields.text("goal")
    if not fields.has("goal"):
        fields.problems.add(fields.line, "the file has no `goal`", "add `goal: what is to be reached`")
    root = Draft(ROOT, (title or ROOT).strip(), fields.line_of("goal"))
    reader = TaskReader(fields.variables, _defaults(fields, limits))
    if fields.has("run"):
        if fields.has("tasks"):
            fields.problems.add(fields.line_of("run"), "the goal has both `run` and `tasks`", "move `run` into a task")
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
    given = [key for key in RUN_ONLY if fields.has(key)]
    if given:
        todo = "put it into a task, or into `defaults: {sandbox: …}`"
        fields.problems.add(fields.line_of(given[0]), f"{listing(given)} beside `tasks` has no meaning", todo)
