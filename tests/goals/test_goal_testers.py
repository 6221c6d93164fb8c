"""`testers:` of a group in a goal file (R37)."""

import pytest
from goal_texts import only_problem, parsed

from engine.errors import Invalid
from engine.goals import omitted
from engine.goals.planning import plan

GROUP = """\
goal: g
tasks:
- id: items
  order: parallel
  testers: %s
  tasks:
  - {id: a, run: x}
"""


def test_testers_say_what_they_do_and_how_many_there_are() -> None:
    said = "{run: [make, t], ratio: 1.5, max: 3, batch: 5, max_cycles: 2, retries: 1, env: {A: b}, sandbox: {pids: 9}}"
    spec = parsed(GROUP % said)
    testers = spec.root.tasks[0].testers
    assert testers is not None
    work = testers.work
    assert (testers.ratio, testers.max, testers.batch, testers.max_cycles) == (1.5, 3, 5, 2)
    assert (work.run, work.retries, work.sandbox.env) == (("make", "t"), 1, {"A": "b"})
    assert work.sandbox.pids == 9
    does = plan(spec).tasks[0].does
    assert does == "1 task, parallel, beside testers: 1.5 for each worker, 3 at most, 5 tasks each"


def test_testers_have_defaults_and_may_be_an_agent() -> None:
    testers = parsed(GROUP % "{agent: claude, prompt: look}").root.tasks[0].testers
    assert testers is not None
    assert (testers.ratio, testers.max, testers.batch, testers.max_cycles) == (0.5, 1, 3, 3)
    assert (testers.work.agent, testers.work.prompt, testers.work.provider) == ("claude", "look", "claude")


@pytest.mark.parametrize(("ratio", "workers", "allowed"), [
    (0.5, 1, 0), (0.5, 2, 1), (0.5, 3, 1), (1.0, 0, 0), (2.0, 3, 4), (0.1, 30, 3), (0.286, 7, 2),
])  # fmt: skip
def test_r37_the_ratio_is_rounded_down_and_max_holds(ratio: float, workers: int, allowed: int) -> None:
    testers = parsed(GROUP % f"{{run: x, max: 4, ratio: {ratio}}}").root.tasks[0].testers
    assert testers is not None
    assert testers.within(testers.ratio, testers.max, workers) == allowed


@pytest.mark.parametrize(("said", "problem"), [
    ("make test", "5: `testers` is not a mapping; write `testers: {run: make test, ratio: 0.5}`"),
    ("{ratio: 1}", "5: testers do nothing; add `run:` or `agent:`"),
    ("{run: x, agent: y, prompt: z}", "5: testers have `run`, `agent`; keep one of them"),
    ("{run: x, prompt: y}", "5: testers with `run` have a `prompt`; remove it, or name an agent"),
    ("{run: x, ratio: 0}", "5: `ratio` is `0`; write a number from 0.01 to 10"),
    ("{run: x, ratio: nan}", "5: `ratio` is `nan`; write a number from 0.01 to 10"),
    ("{run: x, max: 21}", "5: `max` is `21`; write a whole number from 1 to 20"),
    ("{run: x, batch: 0}", "5: `batch` is `0`; write a whole number from 1 to 100"),
    ("{run: x, max_cycles: many}", "5: `max_cycles` is `many`; write a whole number from 1 to 100"),
    ("{run: x, needs: [a]}", "5: `needs` is refused: testers take what is done, and work goes first; remove it"),
    ("{run: x, verdict: review}",
     "5: `verdict` is refused: a tester names what is broken with `ph complete --broken KEY=WHAT`; remove it"),
    ("{run: x, on_reject: {rework: a}}",
     "5: `on_reject` is refused: a tester names what is broken with `ph complete --broken KEY=WHAT`; remove it"),
    ("{run: x, ratios: 1}", "5: `testers` has no key `ratios`; did you mean `ratio`?"),
])  # fmt: skip
def test_what_testers_cannot_be_is_named_with_its_line(said: str, problem: str) -> None:
    assert only_problem(GROUP % said) == problem


def test_testers_belong_to_a_group() -> None:
    text = "goal: g\ntasks:\n- {id: a, run: x, testers: {run: y}}\n"
    assert only_problem(text) == "3: `testers` has no meaning beside `run`; it belongs to a task with `tasks`"


def test_r10_the_key_of_a_tester_is_taken() -> None:
    text = GROUP % "{run: x, max: 2}" + "- {id: items.tester-2, run: x}\n- {id: items.tester-3, run: x}\n"
    assert only_problem(text) == "8: the id `items.tester-2` is that of a tester of `items`; choose another one"


def test_r15_the_key_of_every_tester_is_one() -> None:
    text = (GROUP % "{run: x}").replace("id: items", f"id: {'i' * 89}")
    assert only_problem(text) == "3: the id of a group with testers has over 88 characters; shorten it"


@pytest.mark.parametrize(("skip", "left_out"), [
    (["items.testers"], {"items.tester-1": "items.testers", "items.tester-2": "items.testers"}),
    (["items.tester-2"], {"items.tester-2": "items.tester-2"}),
    (["items"], {"a": "items", "items.tester-1": "items", "items.tester-2": "items"}),
])  # fmt: skip
def test_f26_a_goal_is_run_without_testers_by_their_keys_or_with_their_group(
    skip: list[str], left_out: dict[str, str]
) -> None:
    root = parsed(GROUP % "{run: x, max: 2}" + "- {id: b, run: x}\n").root
    assert omitted(root, skip) == left_out


@pytest.mark.parametrize(("skip", "words"), [
    (["items.tester-3"], "the goal has no task 'items.tester-3' to skip"),
    (["a.testers"], "the goal has no task 'a.testers' to skip"),
    (["items"], "without these the goal has nothing to do"),
])  # fmt: skip
def test_f26_testers_that_are_not_there_are_not_skipped_and_alone_they_are_no_goal(skip: list[str], words: str) -> None:
    root = parsed(GROUP % "{run: x, max: 2}").root
    with pytest.raises(Invalid, match=words):
        omitted(root, skip)


def test_f26_a_task_whose_own_key_ends_in_testers_is_that_task() -> None:
    root = parsed(GROUP % "{run: x}" + "- {id: items.testers, run: x}\n").root
    assert omitted(root, ["items.testers"]) == {"items.testers": "items.testers"}
