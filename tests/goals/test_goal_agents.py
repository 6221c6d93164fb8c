"""`agent:` and `prompt:` of a goal file against the profiles of the settings."""

from textwrap import dedent

import pytest

from engine.errors import InvalidGoalFile
from engine.goals import parse_goal, plan
from engine.model import AgentProfile, GoalSpec, SandboxLimits

AGENTS = {
    "claude": AgentProfile(
        argv=("claude", "-p", "{prompt}"), provider="anthropic", image="agents:1", memory=2 * 1024**3, network="open"
    ),
    "plain": AgentProfile(argv=("agent",)),
}


def parsed(text: str, **variables: str) -> GoalSpec:
    limits = SandboxLimits(memory=1024**3, cpus=3.0)
    return parse_goal(dedent(text), "/p/goal.yaml", variables, limits=limits, agents=AGENTS)


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidGoalFile) as error:
        parsed(text)
    return error.value.message.splitlines()


def test_an_agent_with_its_prompt_and_what_may_stand_beside_it() -> None:
    (task,) = parsed(
        """
        goal: test
        vars: {who: world}
        tasks:
          - id: write
            agent: claude
            prompt: Greet {{ who }}.
            retries: 2
            requires_approval: true
            artifacts: [out.txt]
            env: {A: b}
        """
    ).root.tasks
    assert (task.agent, task.prompt, task.provider) == ("claude", "Greet world.", "anthropic")
    assert (task.retries, task.requires_approval, task.artifacts) == (2, True, ("out.txt",))
    assert task.sandboxed


def test_limits_of_the_profile_are_over_the_defaults_and_under_the_task_s_own() -> None:
    first, second = parsed(
        """
        goal: test
        defaults: {sandbox: {memory: 256m, pids: 99}}
        tasks:
          - {id: a, agent: claude, prompt: x}
          - {id: b, agent: claude, prompt: x, sandbox: {memory: 3g, network: none}}
        """
    ).root.tasks
    assert (first.sandbox.memory, first.sandbox.pids, first.sandbox.cpus) == (2 * 1024**3, 99, 3.0)
    assert (first.sandbox.image, first.sandbox.network) == ("agents:1", "open")
    assert (second.sandbox.memory, second.sandbox.network) == (3 * 1024**3, "none")


def test_a_profile_without_a_provider_is_one_of_its_own() -> None:
    assert parsed("{goal: t, agent: plain, prompt: x}").root.provider == "plain"


def test_a_goal_may_be_the_work_of_one_agent() -> None:
    root = parsed("{goal: t, agent: claude, prompt: do it, retries: 1}").root
    assert (root.agent, root.prompt, root.retries, root.tasks) == ("claude", "do it", 1, ())


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            "goal: t\ntasks:\n  - id: a\n    agent: claud\n    prompt: x\n",
            "/p/goal.yaml:4: no agent profile `claud`; did you mean `claude`? known: `claude`, `plain`",
        ),
        (
            "goal: t\ntasks:\n  - id: a\n    agent: zzz\n    prompt: x\n",
            "/p/goal.yaml:4: no agent profile `zzz`; known: `claude`, `plain`",
        ),
        ("goal: t\ntasks:\n  - id: a\n    agent: claude\n", "/p/goal.yaml:4: an agent has no `prompt`"),
        ("goal: t\ntasks:\n  - id: a\n    agent: claude\n    prompt: ' '\n", "/p/goal.yaml:5: `prompt` is empty"),
        ("goal: t\ntasks:\n  - id: a\n    agent: A/B\n    prompt: x\n", "/p/goal.yaml:4: `A/B` is not a name"),
        ("goal: t\ntasks:\n  - id: a\n    prompt: x\n", "/p/goal.yaml:4: a prompt has no agent"),
        (
            "goal: t\ntasks:\n  - id: a\n    run: x\n    prompt: x\n",
            "/p/goal.yaml:5: `prompt` has no meaning beside `run`",
        ),
        ("goal: t\ntasks:\n  - id: a\n    run: x\n    agent: claude\n", "/p/goal.yaml:3: a task has `run`, `agent`"),
        (
            "goal: t\nagent: claude\nprompt: x\ntasks:\n  - {id: a, run: x}\n",
            "/p/goal.yaml:2: the goal has both `agent`",
        ),
        ("goal: t\nprompt: x\ntasks:\n  - {id: a, run: x}\n", "/p/goal.yaml:2: `prompt` beside `tasks` has no meaning"),
        ("goal: t\nrun: x\nagent: claude\nprompt: x\n", "/p/goal.yaml:3: the goal has both `run` and `agent`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, row: str) -> None:
    assert any(line.startswith(row) for line in refused(text)), refused(text)


def test_without_settings_any_name_will_do_and_none_says_so() -> None:
    text = "goal: t\ntasks: [{id: a, agent: whoever, prompt: x}]"
    assert parse_goal(text, "/p/goal.yaml", {}).root.tasks[0].agent == "whoever"
    with pytest.raises(InvalidGoalFile, match=r"the settings name none \(`\[agents.NAME\]`\)"):
        parse_goal(text, "/p/goal.yaml", {}, agents={})


def test_plan_shows_who_does_what_with_the_limits() -> None:
    (row,) = plan(parsed("goal: t\ntasks: [{id: a, agent: claude, prompt: Write it}]")).tasks
    assert row.does == "agent claude: Write it"
    assert "2 GB" in row.limits
    assert "image agents:1" in row.limits


def test_a_gate_may_send_an_agent_back_to_work() -> None:
    spec = parsed("goal: t\ntasks:\n- {id: a, agent: claude, prompt: x}\n- {id: g, gate: {kind: human_approval}}\n")
    assert spec.root.tasks[1].gate is not None
    assert spec.root.tasks[1].gate.rework == "a"
