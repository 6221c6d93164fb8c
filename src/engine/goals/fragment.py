"""New tasks for a goal under way: read like those of its file, and checked in the place where they are to stand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.goals.agent_keys import Profiles
from engine.goals.document import Listing, Table, Value, load_document
from engine.goals.drafts import Draft, build_specs, in_tree_order, outline_of
from engine.goals.fields import Fields
from engine.goals.keys import FRAGMENT
from engine.goals.parse import read_defaults, read_goal, uncollected
from engine.goals.problems import Problems
from engine.goals.sessions import read_pins
from engine.goals.tasks import TaskReader
from engine.goals.tree_rules import check_tree, rework_targets
from engine.goals.variables import Variables
from engine.model import SandboxLimits, SessionPolicy, TaskKind, TaskSpec

DEEPEST_TASKS = 50  # levels of groups in a goal, as many as a goal file can nest


@dataclass(frozen=True)
class GoalFrame:
    """What a goal's own file says about all of its tasks: its text, the variables given with it, the repository."""

    source: str
    path: str
    variables: Mapping[str, str]
    has_repo: bool
    session: SessionPolicy = SessionPolicy.SPAWN


@dataclass
class Fragment:
    """Tasks that were read and stand nowhere yet, with what is wrong with each by itself."""

    drafts: list[Draft]
    problems: Problems
    has_repo: bool
    session: SessionPolicy

    @property
    def images(self) -> frozenset[str]:
        """What the sandboxes of these tasks start from."""
        return frozenset(limits.image for limits in self._limits())

    @property
    def networks(self) -> frozenset[str]:
        """What the sandboxes of these tasks are connected to."""
        return frozenset(limits.network for limits in self._limits())

    @property
    def gated(self) -> bool:
        """Whether a human, or something outside, has to let any of them through."""
        return any(draft.gate is not None or draft.requires_approval for draft in self._all())

    def _limits(self) -> Iterator[SandboxLimits]:
        """Of every sandbox that they will have, those of their testers too."""
        for draft in self._all():
            if draft.works:
                yield draft.sandbox
            if draft.testers is not None:
                yield draft.testers.work.sandbox

    def _all(self) -> Iterator[Draft]:
        for draft in self.drafts:
            yield from in_tree_order(draft)

    def graft(self, root: Draft, parent: Draft, at: int) -> list[TaskSpec]:
        """The specifications of the new tasks as children `at` of `parent`, which they become in this tree. Raises
        InvalidGoalFile with a `path:line` row for every problem, those of single tasks included."""
        parent.children[at:at] = self.drafts
        drafts = list(in_tree_order(root))
        self._check_depth(root)
        outline = outline_of(drafts)
        check_tree(drafts, outline, has_repo=self.has_repo, problems=self.problems)
        pins = read_pins(drafts, outline, self.session, self.problems)
        self.problems.raise_if_any()
        rework = rework_targets(drafts, outline)
        return [build_specs(list(in_tree_order(draft)), rework, pins) for draft in self.drafts]

    def _check_depth(self, root: Draft) -> None:
        level, depth = [root], 0
        while level:
            depth += 1
            level = [child for draft in level for child in draft.children]
            if depth > DEEPEST_TASKS:
                line = min((draft.line for draft in level if draft.line), default=self.drafts[0].line)
                self.problems.add(line, f"tasks nest deeper than {DEEPEST_TASKS} levels", "flatten the groups")
                return


def read_fragment(
    source: str, path: str, frame: GoalFrame, *, limits: SandboxLimits | None = None, agents: Profiles | None = None
) -> Fragment:
    """One task, a list of tasks, or a mapping with `tasks:`, in a goal whose variables and defaults hold for them.

    Raises InvalidGoalFile when the text is none of them; what is wrong inside a task is told by `graft`.
    """
    with uncollected():
        return _read(source, path, frame, limits, agents)


def _read(source: str, path: str, frame: GoalFrame, limits: SandboxLimits | None, agents: Profiles | None) -> Fragment:
    of_goal = read_goal(frame.source, frame.variables, Problems(frame.path))
    defaults = read_defaults(of_goal, limits)
    problems = Problems(path)
    document = load_document(source, problems)
    known = Variables(of_goal.variables.values, problems, of_goal.variables.known)
    group = Draft("fragment", "", 0, TaskKind.GROUP)
    if document is not None:
        node = _tasks_of(document, known)
        if node is not None:
            TaskReader(known, defaults, agents, has_repo=frame.has_repo).read_children(group, node)
        if not group.children and not problems:
            problems.add(document.line, "there is no task in it", "write each task as `- id: name`")
    if not group.children:
        problems.raise_if_any()
    return Fragment(group.children, problems, frame.has_repo, frame.session)


def _tasks_of(document: Value, known: Variables) -> Listing | None:
    match document:
        case Listing():
            return document
        case Table(pairs=pairs) if "tasks" in pairs and "id" not in pairs:
            node = Fields(document, "a list of new tasks", FRAGMENT, known).node("tasks")
            if isinstance(node, Listing):
                return node
            known.problems.add(document.line, "`tasks` is not a list", "write each task as `- id: name`")
            return None
        case Table():
            return Listing(document.line, [document])
        case _:
            known.problems.add(document.line, "this is no task", "write a task, or a list of tasks under `tasks:`")
            return None


def broken_rule(root: Draft) -> str | None:
    """What a tree of stored tasks breaks as it stands here, in words; None when it is sound."""
    problems = Problems("")
    drafts = list(in_tree_order(root))
    check_tree(drafts, outline_of(drafts), has_repo=True, problems=problems)
    return problems.first


def levels(drafts: Sequence[Draft]) -> int:
    """How deep the tasks under a group nest, the group itself counted."""
    depth, level = 0, list(drafts)
    while level:
        depth += 1
        level = [child for draft in level for child in draft.children]
    return depth
