"""The YAML reader: bounded in every direction, and never a traceback."""

import json
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from goal_texts import only_problem, parsed, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidGoalFile
from engine.goals import parse_goal

BAD = [
    ("", "1: the file is empty"),
    ("# only a comment\n", "1: the file is empty"),
    ("goal: g\nrun: x\ngoal: h\n", "3: `goal` is given twice, first in line 1"),
    ("goal: g\nrun: x\nenv: {A: 1, A: 2}\n", "3: `A` is given twice"),
    ("goal: g\nrun: x\n---\ngoal: h\n", "3: a second document begins here"),
    ("goal: g\n\trun: x\n", "not valid YAML"),
    ("goal: g\nrun:\n\t- x\n", "indent with spaces, not with tabs"),
    ("goal: [g\nrun: x\n", "not valid YAML"),
    ('goal: "g\nrun: x\n', "not valid YAML"),
    ("goal: g\nrun: {{ x }}/y\n", "put quotes around a value that starts with `{{`"),
    ("goal: g\nrun: {{ x }}\n", '2: a key cannot be a list or a mapping; write variables in quotes: "{{ name }}"'),
    ("goal: g\nrun: *a\n", "2: the alias `*a` has no anchor"),
    ("goal: g\nrun: &a [*a]\n", "2: the alias `*a` stands inside its own anchor"),
    ("goal: !!python/object/apply:os.system [id]\nrun: x\n", "1: the tag `tag:yaml.org,2002:python/object/apply:os.sy"),
    ("goal: !custom g\nrun: x\n", "1: the tag `!custom` is not allowed"),
    ("goal: g\x07\nrun: x\n", "a character that YAML does not allow"),
    ("goal: g\ud800\nrun: x\n", "1: this is not valid Unicode text"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_r112_yaml_that_cannot_be_read_is_a_sentence_with_a_line(text: str, said: str) -> None:
    assert any(said in row for row in problems(text))


def within(seconds: float, run: Callable[[], object]) -> None:
    start = time.process_time()
    run()
    assert time.process_time() - start < seconds


NESTED = {
    "flow lists": "goal: g\ntasks: " + "[" * 10_000,
    "flow mappings": "goal: g\ntasks: " + "{a: " * 10_000,
    "groups": "goal: g\ntasks: " + "[{id: a, tasks: " * 10_000,
    "block lists": "goal: g\ntasks:\n" + "- " * 10_000 + "x",
    "block mappings": "".join(" " * depth + "a:\n" for depth in range(1400)),
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_case_17_ten_thousand_levels_are_answered_at_once(text: str) -> None:
    within(1.0, lambda: only_problem(text))
    assert "nested deeper than 100 levels" in only_problem(text)


def test_case_17_a_billion_laughs_is_answered_at_once() -> None:
    rows = ["goal: g", "x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    rows += [f"x{n}: &x{n} [" + ", ".join([f"*x{n - 1}"] * 9) + "]" for n in range(1, 12)]
    within(1.0, lambda: problems("\n".join(rows)))
    assert any("with all aliases" in row for row in problems("\n".join(rows)))


def test_case_17_long_texts_behind_aliases_count_each_time() -> None:
    text = "goal: g\ntasks:\n- {id: a, run: &long " + "x" * 90_000 + "}\n"
    text += "".join(f"- {{id: a{n}, run: *long}}\n" for n in range(50))
    assert "with all aliases" in only_problem(text)


def test_case_17_aliases_cannot_nest_deeper_than_the_limit() -> None:
    rows = ["goal: g", "x0: &x0 [a]"] + [f"x{n}: &x{n} [*x{n - 1}]" for n in range(1, 300)]
    assert any("nested deeper than 100 levels with all aliases" in row for row in problems("\n".join(rows)))


def test_a_huge_file_is_refused_unread() -> None:
    assert "more than 2,000,000 characters" in only_problem("goal: g\n#" + "x" * 2_000_000)


def test_forty_levels_of_groups_are_fine() -> None:
    text = "goal: g\ntasks: "
    for depth in range(40):
        text += f"[{{id: g{depth}, tasks: "
    text += "[{id: leaf, run: x}]" + "}]" * 40
    assert parsed(text).root.tasks[0].id == "g0"


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=300))
def test_r112_any_text_is_read_or_refused(text: str) -> None:
    for source in (text, "goal: g\n" + text, "goal: g\ntasks:\n - id: a\n   " + text):
        with suppress(InvalidGoalFile):
            parse_goal(source, "/p/goal.yaml", {})


WORDS = st.sampled_from(
    [
        "goal",
        "repo",
        "tasks",
        "id",
        "run",
        "gate",
        "kind",
        "human_approval",
        "question",
        "needs",
        "order",
        "vars",
        "a",
        "b",
    ]
)
VALUES = st.recursive(
    WORDS | st.none() | st.integers() | st.booleans() | st.just("{{ a }}"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None)  # a busy machine is no failure
@given(VALUES)
def test_r112_any_shape_is_read_or_refused(value: object) -> None:
    with suppress(InvalidGoalFile):
        parse_goal(json.dumps(value), "/p/goal.yaml", {})
