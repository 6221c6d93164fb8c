"""`session:` and `continues:` of a goal file: which tasks share a sandbox (R31)."""

import pytest
from goal_texts import only_problem, parsed

from engine.goals.planning import plan
from engine.model import GoalSpec, SessionPolicy


def pins(spec: GoalSpec) -> dict[str, str | None]:
    found, stack = {}, [spec.root]
    while stack:
        task = stack.pop()
        found[task.id] = task.pin
        stack.extend(task.tasks)
    return {key: pin for key, pin in found.items() if key != "root" or spec.root.sandboxed}


def test_under_reuse_every_task_has_the_goals_sandbox_but_one_that_says_otherwise() -> None:
    text = """\
goal: g
repo: .
policy: {session: reuse}
tasks:
- {id: a, run: x}
- id: both
  order: parallel
  tasks: [{id: b, run: x}, {id: c, run: x, session: spawn}]
- {id: ask, gate: {kind: human_approval, question: q}}
- {id: land, merge: {into: main}}
"""
    spec = parsed(text)
    assert spec.policy.session is SessionPolicy.REUSE
    assert pins(spec) == {"a": "root", "both": None, "b": "root", "c": None, "ask": None, "land": None}
    assert "in the goal's sandbox" in plan(spec).tasks[0].limits


def test_under_reuse_a_goal_that_is_one_task_has_it_too() -> None:
    assert pins(parsed("goal: g\nrun: x\npolicy: {session: reuse}\n")) == {"root": "root"}


def test_under_auto_a_task_is_on_its_own_unless_it_continues_another_one() -> None:
    text = """\
goal: g
policy: {session: auto}
tasks:
- {id: alone, run: x}
- {id: c, run: x, continues: b, needs: [b]}
- {id: b, run: x, continues: a}
- {id: a, run: x}
"""
    order = "policy: {session: auto, order: parallel}"
    spec = parsed(text.replace("policy: {session: auto}", order).replace("continues: a}", "continues: a, needs: [a]}"))
    assert pins(spec) == {"alone": None, "a": "a", "b": "a", "c": "a"}
    assert "in the sandbox of a" in next(task.limits for task in plan(spec).tasks if task.key == "c")


def test_a_task_declares_its_own_session() -> None:
    text = "goal: g\ntasks:\n- {id: a, run: x, session: reuse}\n- {id: b, run: x, session: auto, continues: a}\n"
    assert pins(parsed(text + "- {id: c, run: x}\n")) == {"a": "root", "b": "root", "c": None}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{id: b, run: x, continues: a}", "`b` continues a task and has a sandbox of its own; say `session: auto`"),
        ("{id: b, run: x, session: auto, continues: aa}", "`continues: aa` names no task; did you mean `a`"),
        ("{id: b, run: x, session: auto, continues: b}", "`b` continues `b` and does not wait for it"),
        ("{id: b, run: x, session: auto, continues: ask}", "`continues: ask` is no task with `run` or `agent`"),
        (
            "{id: b, run: x, session: auto, continues: late}",
            "`b` continues `late` and does not wait for it; add `needs",
        ),
        ("{id: b, run: x, session: own}", "`session` is `own`; write `spawn`, `reuse`, `auto`"),
        ("{id: b, session: reuse, tasks: [{id: c, run: x}]}", "`session` has no meaning beside `tasks`"),
    ],
)
def test_r112_a_session_that_cannot_be_is_refused_with_its_line(task: str, said: str) -> None:
    ask = "- {id: ask, gate: {kind: human_approval, question: q}}\n"
    problem = only_problem(f"goal: g\ntasks:\n- {{id: a, run: x}}\n{ask}- {task}\n- {{id: late, run: x}}\n")
    assert problem.startswith("5: ")
    assert said in problem
