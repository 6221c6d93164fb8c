"""`verdict:` and `on_reject:` in a goal file: what they may say, and the plan that shows it."""

from pathlib import Path

import pytest
from goal_texts import only_problem, parsed

from engine.goals import parse_goal, plan
from engine.model import AgentProfile, OnReject, Then, VerdictKind

CONTRACT = """\
goal: Ship the greeting
repo: .
policy: {max_parallel: 4, on_failure: stop, session: spawn, budget: {cost_usd: 5, wall: 2h}}
defaults:
  sandbox: {image: auto, memory: 512m, cpus: 1, pids: 256, network: none, timeout: 30m, idle_timeout: 10m, env: {K: v}}
vars: {who: world}
tasks:
  - id: build
    title: Build it
    run: echo hello {{ who }}
    retries: 2
    artifacts: [out/*.txt]
  - id: write
    agent: claude
    prompt: Greet.
    needs: [build]
    requires_approval: true
  - id: checks
    order: parallel
    require: all
    on_failure: continue
    tasks: [{id: unit, run: python3 -m unittest}]
  - id: review
    agent: reviewer
    needs: [checks]
    verdict: review
    on_reject: {rework: write, max_cycles: 3, then: ask}
  - id: ship
    needs: [review]
    gate: {kind: human_approval, question: Ship it?, deadline: 1h, on_deadline: fail}
  - id: ci
    needs: [ship]
    gate: {kind: gh_ci, repo: o/r, pr: 12}
  - id: deployed
    gate: {kind: webhook, name: deploy.done, key: k1}
"""


def test_the_example_of_the_contract_is_a_goal_in_every_key(tmp_path: Path) -> None:
    profile = AgentProfile(argv=("agent", "{prompt}"))
    spec = parse_goal(CONTRACT, str(tmp_path / "goal.yaml"), {}, agents={"claude": profile, "reviewer": profile})
    review = next(task for task in spec.root.tasks if task.id == "review")
    assert (review.verdict, review.on_reject) == (
        VerdictKind.REVIEW,
        OnReject(rework="write", max_cycles=3, then=Then.ASK),
    )
    [row] = [row for row in plan(spec).tasks if row.key == "review"]
    assert "verdict by review · a no sends write back, at most 3 times, then asks" in row.limits


TASKS = """\
goal: g
tasks:
- {id: a, run: x}
- {id: ok, gate: {kind: human_approval}}
- {id: b, run: y, %s}
- {id: c, run: z}
"""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("verdict: maybe", "`verdict` is `maybe`; write `exit`, `review`, `checks`"),
        ("on_reject: a", "`on_reject` is not a mapping; write `on_reject: {rework: write, max_cycles: 3, then: ask}`"),
        ("on_reject: {}", "`on_reject` does not say what runs again; add `rework: TASK`"),
        ("on_reject: {rework: a, max_cycles: 0}", "`max_cycles`"),
        ("on_reject: {rework: a, max_cycles: 101}", "`max_cycles`"),
        ("on_reject: {rework: a, then: go}", "`then` is `go`; write `ask`, `fail`"),
        ("on_reject: {rework: a, else: 1}", "`else`"),
        ("on_reject: {rework: nobody}", "`rework: nobody` names no task"),
        ("on_reject: {rework: ok}", "`rework: ok` is no task with `run` or `agent`"),
        ("on_reject: {rework: b}", "the task `b` does not wait for `b`"),
        ("on_reject: {rework: c}", "the task `b` does not wait for `c`; add `needs: [c]`"),
    ],
)
def test_r112_what_cannot_be_is_told_with_its_line(keys: str, said: str) -> None:
    problem = only_problem(TASKS % keys)
    assert problem.startswith("5: ")
    assert said in problem


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("{kind: human_approval}, verdict: review", "it belongs to a task with `run`, `agent`"),
        ("{kind: human_approval}, on_reject: {rework: a}", "no meaning beside a gate of kind `human_approval`"),
        ("{kind: timer, wait: 1h}, on_reject: {rework: a}", "no meaning beside a gate of kind `timer`"),
        ("{kind: all, gates: [{kind: timer, wait: 1h}], rework: a}, on_reject: {rework: a}", "keep `on_reject`"),
        ("{kind: webhook, name: x}, on_reject: {rework: b}", "`rework: b` is no task with `run` or `agent`"),
    ],
)
def test_only_work_is_judged_and_only_a_signal_sends_back_from_a_gate(task: str, said: str) -> None:
    assert said in only_problem(f"goal: g\ntasks:\n- {{id: a, run: x}}\n- {{id: b, gate: {task}}}\n")


def test_a_judge_may_leave_its_prompt_out_and_no_other_agent() -> None:
    text = "goal: g\ntasks:\n- {id: a, run: x}\n- {id: b, agent: one, verdict: checks}\n"
    assert parsed(text).root.tasks[1].prompt != ""
    assert "an agent has no `prompt`" in only_problem(text.replace(", verdict: checks", ""))
