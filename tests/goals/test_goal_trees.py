"""Needs, containment and order: cycles are shown, gates find the work they send back, big trees stay cheap."""

import time

import pytest
from goal_texts import only_problem, parsed, problems, task

CYCLES = [
    (
        "two tasks",
        "policy: {order: parallel}",
        "- {id: a, run: x, needs: [b]}\n- {id: b, run: x, needs: [a]}",
        "a -> b -> a",
    ),
    (
        "three tasks",
        "policy: {order: parallel}",
        "- {id: a, run: x, needs: [c]}\n- {id: b, run: x, needs: [a]}\n- {id: c, run: x, needs: [b]}",
        "a -> c -> b -> a",
    ),
    ("against the order", "", "- {id: a, run: x, needs: [b]}\n- {id: b, run: x}", "a -> b -> a"),
    (
        "through a group",
        "policy: {order: parallel}",
        "- {id: a, run: x, needs: [g]}\n- id: g\n  tasks: [{id: b, run: x, needs: [a]}]",
        "a -> g -> b -> a",
    ),
    (
        "through the parent's need",
        "policy: {order: parallel}",
        "- {id: a, run: x, needs: [b]}\n- id: g\n  needs: [a]\n  tasks: [{id: b, run: x}]",
        "a -> b -> g -> a",
    ),
]


@pytest.mark.parametrize(("policy", "tasks", "path"), [row[1:] for row in CYCLES], ids=[row[0] for row in CYCLES])
def test_case_17_r10_a_cycle_is_refused_and_shown(policy: str, tasks: str, path: str) -> None:
    assert f"cycle: {path}; " in only_problem(f"goal: g\n{policy}\ntasks:\n{tasks}\n")


def test_r10_each_knot_is_shown_once_at_the_line_of_its_need() -> None:
    rows = problems("""\
        goal: g
        policy: {order: parallel}
        tasks:
          - {id: a, run: x, needs: [b]}
          - {id: b, run: x, needs: [a]}
          - {id: c, run: x, needs: [d]}
          - {id: d, run: x, needs: [c]}
        """)
    assert [row.split(";")[0] for row in rows] == ["4: cycle: a -> b -> a", "6: cycle: c -> d -> c"]


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("- {id: a, run: x, needs: [a]}", "3: `a` needs itself"),
        ("- id: g\n  tasks:\n  - {id: a, run: x, needs: [g]}", "5: `a` needs `g`, the group it is in"),
        ("- id: g\n  needs: [a]\n  tasks:\n  - {id: a, run: x}", "4: `g` needs `a`, a task inside it"),
        ("- {id: a, run: x, needs: [zebra]}", "3: `a` needs `zebra`, which is no task"),
        ("- {id: a, run: x, needs: [root]}", "3: `a` needs `root`, the group it is in"),
    ],
)
def test_r10_needs_that_cannot_be_met_are_refused(tasks: str, said: str) -> None:
    assert said in only_problem(f"goal: g\ntasks:\n{tasks}\n")


GATE = "{kind: human_approval, question: q}"


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (f"- {{id: a, run: x}}\n- {{id: ok, gate: {GATE}}}", "a"),
        (f"- {{id: ok, gate: {GATE}}}\n- {{id: a, run: x}}", None),
        (f"- {{id: a, run: x}}\n- {{id: b, gate: {GATE}}}\n- {{id: ok, gate: {GATE}}}", "a"),
        (f"- id: g\n  tasks: [{{id: a, run: x}}, {{id: b, run: x}}]\n- {{id: ok, gate: {GATE}}}", "b"),
        (f"- {{id: a, run: x}}\n- id: g\n  tasks: [{{id: ok, gate: {GATE}}}]", "a"),
        (
            f"- {{id: a, run: x}}\n- id: g\n  order: parallel\n  tasks: [{{id: b, run: x}}, {{id: ok, gate: {GATE}}}]",
            "a",
        ),
        (
            f"- {{id: a, run: x}}\n- id: g\n  order: parallel\n"
            f"  tasks: [{{id: b, run: x}}, {{id: c, run: x}}, {{id: ok, needs: [b], gate: {GATE}}}]",
            "b",
        ),
        (f"- {{id: a, run: x}}\n- {{id: m, merge: {{into: main}}}}\n- {{id: ok, gate: {GATE}}}", "a"),
    ],
)
def test_r77_changes_at_a_gate_go_to_the_nearest_earlier_work(tasks: str, expected: str | None) -> None:
    gate = task(parsed(f"goal: g\nrepo: .\ntasks:\n{tasks}\n"), "ok").gate
    assert gate is not None
    assert gate.rework == expected


@pytest.mark.parametrize(
    ("rework", "said"),
    [
        ("c", "`rework: c` names no task"),
        ("grp", "`rework: grp` is no task with `run`"),
        ("ok", "`rework: ok` is no task with `run`"),
        ("later", "the gate `ok` does not wait for `later`; add `needs: [later]`"),
    ],
)
def test_r89_a_gate_can_only_send_back_what_it_waits_for(rework: str, said: str) -> None:
    gate = f"{{kind: human_approval, question: q, rework: {rework}}}"
    text = f"- id: grp\n  tasks: [{{id: a, run: x}}]\n- {{id: ok, gate: {gate}}}\n- {{id: later, run: x}}\n"
    assert said in only_problem(f"goal: g\ntasks:\n{text}")


def chain(count: int, first_needs: str = "") -> str:
    rows = [f"- {{id: t0, run: x{first_needs}}}"]
    rows += [f"- {{id: t{n}, run: x, needs: [t{n - 1}]}}" for n in range(1, count)]
    return "goal: g\npolicy: {order: parallel}\ntasks:\n" + "\n".join(rows) + "\n"


@pytest.mark.alone
def test_case_17_r10_a_chain_of_ten_thousand_needs_is_read_at_once() -> None:
    text = chain(10_000)
    start = time.process_time()
    assert len(parsed(text).root.tasks) == 10_000
    assert time.process_time() - start < 2.0


@pytest.mark.alone
def test_case_17_r10_a_cycle_of_ten_thousand_tasks_is_shown_short_and_at_once() -> None:
    text = chain(10_000, ", needs: [t9999]")
    start = time.process_time()
    said = only_problem(text)
    assert time.process_time() - start < 2.0
    assert said.startswith("4: cycle: t0 -> t9999 -> ")
    assert "… 9989 more …" in said
    assert said.split(";")[0].endswith("-> t1 -> t0")


@pytest.mark.alone
def test_case_17_r10_ten_thousand_wrong_needs_are_answered_at_once() -> None:
    rows = "".join(f"- {{id: t{n}, run: x, needs: [u{n}]}}\n" for n in range(10_000))
    start = time.process_time()
    assert problems("goal: g\ntasks:\n" + rows)[-1] == " and 9950 more problems"
    assert time.process_time() - start < 2.0
