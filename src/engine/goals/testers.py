"""`testers:` of a group: what tests its done tasks while the others are worked on."""

from collections.abc import Callable, Iterator

from engine.goals.drafts import Draft, build_specs
from engine.goals.fields import Fields
from engine.goals.keys import TESTERS
from engine.goals.problems import listing
from engine.model import TestersSpec

MOST = 20  # testers of one group
LARGEST_BATCH = 100  # tasks
MOST_CYCLES = 100
LONGEST_KEY = 88  # of a group with testers: their keys are longer than its own, and keys too
EXAMPLE = "testers: {run: make test, ratio: 0.5}"


def tester_key(group: str, number: int) -> str:
    """The key of a group's tester, which are numbered from 1."""
    return f"{group}.tester-{number}"


def tester_keys(group: Draft) -> Iterator[str]:
    """The keys of all testers of a group that was read."""
    most = 0 if group.testers is None else group.testers.max
    return (tester_key(group.id, number) for number in range(1, most + 1))


def read_testers(group: Draft, fields: Fields, read_work: Callable[[Draft, Fields], None]) -> TestersSpec | None:
    """What a group says of them; None when it says nothing, or what was reported. `read_work` reads what any task with
    `run` or `agent` may say."""
    inner = fields.section("testers", TESTERS, "`testers`", EXAMPLE)
    if inner is None:
        return None
    said = [key for key in ("run", "agent") if inner.has(key)]
    if len(said) != 1:
        what = f"testers have {listing(said)}" if said else "testers do nothing"
        inner.problems.add(inner.line, what, "keep one of them" if said else "add `run:` or `agent:`")
        return None
    if inner.has("run") and inner.has("prompt"):
        inner.problems.add(inner.line_of("prompt"), "testers with `run` have a `prompt`", "remove it, or name an agent")
    if len(group.id) > LONGEST_KEY:
        what = f"the id of a group with testers has over {LONGEST_KEY} characters"
        inner.problems.add(fields.line_of("id"), what, "shorten it")
    work = Draft(tester_key(group.id, 1), f"Tester of {group.title}", inner.line)
    read_work(work, inner)
    given = {
        "ratio": inner.decimal("ratio", 0.01, 10.0),
        "max": inner.integer("max", 1, MOST),
        "batch": inner.integer("batch", 1, LARGEST_BATCH),
        "max_cycles": inner.integer("max_cycles", 1, MOST_CYCLES),
    }
    numbers = {key: number for key, number in given.items() if number is not None}
    return TestersSpec.model_validate({"work": build_specs([work], {}, {}), **numbers})
