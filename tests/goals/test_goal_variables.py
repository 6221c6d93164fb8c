"""Variables fill texts after the YAML was read: they never become YAML, and nothing is left open."""

from pathlib import Path

import pytest
from goal_texts import only_problem, parsed, problems, task
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = "goal: g\nvars: {a: one, b: two}\n"


def test_r39_every_place_that_holds_text_takes_variables(tmp_path: Path) -> None:
    text = """\
        goal: "Goal {{ a }}"
        repo: "{{ folder }}"
        vars: {a: one, n: 2, folder: , t: 5m}
        policy: {max_parallel: "{{ n }}"}
        defaults: {sandbox: {timeout: "{{ t }}", env: {A: "{{a}}"}}}
        tasks:
          - {id: "{{ a }}-x", title: "T {{ a }}", run: [echo, "{{ a }}", "{{a}}{{  n  }}"], retries: "{{ n }}"}
          - {id: y, needs: ["{{ a }}-x"], gate: {kind: human_approval, question: "Q {{ a }}?"}}
          - {id: z, merge: {into: "{{ a }}/{{ n }}"}}
        """
    spec = parsed(text, {"folder": str(tmp_path)})
    first, gate, merge = task(spec, "one-x"), task(spec, "y").gate, task(spec, "z").merge
    assert (spec.title, spec.repo, spec.policy.max_parallel) == ("Goal one", str(tmp_path), 2)
    assert (first.title, first.run, first.retries) == ("T one", ("echo", "one", "one2"), 2)
    assert (first.sandbox.timeout, first.sandbox.env) == (300, {"A": "one"})
    assert task(spec, "y").needs == ("one-x",)
    assert gate is not None
    assert gate.question == "Q one?"
    assert merge is not None
    assert merge.into == "one/2"


def test_r39_an_unknown_variable_lists_the_known_ones() -> None:
    assert only_problem(HEAD + "run: echo {{ zebra }}\n") == (
        "3: no variable `zebra`; declared under `vars`: `a`, `b` ({{ '{{' }} writes the braces themselves)"
    )
    assert "did you mean `name`?" in only_problem("goal: g\nvars: {name: x}\nrun: echo {{ nam }}\n")
    assert "declared under `vars`: none" in only_problem("goal: g\nrun: echo {{ a }}\n")


def test_r39_set_of_a_variable_that_is_not_declared_is_refused() -> None:
    assert "--set `c`: the file declares no such variable; known here: `a`, `b`" in only_problem(
        HEAD + "run: x\n", {"c": "x"}
    )
    assert "declare it with `vars: {c: …}`" in only_problem("goal: g\nrun: x\n", {"c": "x"})


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_r39_a_variable_without_a_default_is_required(nothing: str) -> None:
    text = f"goal: g\nvars:\n  who: {nothing}\nrun: echo {{{{ who }}}}\n"
    assert only_problem(text) == "3: variable `who` has no value; give one with --set who=VALUE"
    assert parsed(text, {"who": ""}).root.run == "echo "
    assert parsed(text, {"who": "you"}).root.run == "echo you"


def test_set_wins_over_the_default() -> None:
    spec = parsed(HEAD + "run: echo {{ a }} {{ b }}\n", {"a": "mine"})
    assert spec.root.run == "echo mine two"
    assert spec.variables == {"a": "mine", "b": "two"}


def test_braces_can_be_written_literally() -> None:
    text = "goal: g\nrun: docker ps --format \"{{ '{{' }}.Names}}\"\n"
    assert parsed(text).root.run == 'docker ps --format "{{.Names}}"'
    assert parsed("goal: g\nrun: echo '{{ \"{{\" }} }} {a}'\n").root.run == "echo '{{ }} {a}'"


@pytest.mark.parametrize("text", ["echo {{ a", "echo {{ {x} }}", "echo {{"])
def test_braces_that_do_not_close_are_refused(text: str) -> None:
    assert "is not closed" in only_problem(f"goal: g\nvars: {{a: b}}\nrun: {text!r}\n")


@pytest.mark.parametrize(
    ("vars_", "said"),
    [
        ("[a]", "`vars` is not a mapping"),
        ("{1a: x}", "`1a` is not a variable name"),
        ("{a: [x]}", "variable `a` is not a single value"),
        ("{a: '{{ b }}', b: x}", "variable `a` refers to a variable"),
        ("{a: x, a: y}", "`a` is given twice"),
    ],
)
def test_variables_are_plain(vars_: str, said: str) -> None:
    assert said in only_problem(f"goal: g\nvars: {vars_}\nrun: x\n")


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=60).filter(lambda text: "\0" not in text))
def test_a_value_is_text_and_never_yaml_or_another_variable(value: str) -> None:
    spec = parsed("goal: g\nvars: {v: , w: inner}\nrun: [echo, '{{ v }}', '<{{ v }}>']\n", {"v": value})
    assert spec.root.run == ("echo", value, f"<{value}>")


def test_yaml_in_a_value_adds_no_key() -> None:
    spec = parsed("goal: g\nvars: {v: }\nrun: '{{ v }}'\n", {"v": "x\ntasks: [{id: evil, run: y}]\n{{ v }}"})
    assert spec.root.tasks == ()
    assert spec.root.run == "x\ntasks: [{id: evil, run: y}]\n{{ v }}"


def test_values_cannot_blow_a_file_up() -> None:
    tasks = "".join(f"- {{id: t{n}, run: '{{{{ v }}}}'}}\n" for n in range(200))
    rows = problems("goal: g\nvars: {v: }\ntasks:\n" + tasks, {"v": "x" * 90_000})
    assert any("variables add more than" in row for row in rows)
    assert "too long" in only_problem("goal: g\nvars: {v: }\nrun: echo {{ v }}\n", {"v": "x" * 200_000})
