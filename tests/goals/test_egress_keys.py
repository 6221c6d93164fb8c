"""`network: egress` in goal files, defaults and profiles: exact hosts, and no list that nobody reads (F152)."""

import pytest
from pydantic import ValidationError

from engine.errors import InvalidGoalFile
from engine.goals import parse_goal, plan
from engine.model import AgentProfile, SandboxLimits


def limits(*lines: str, defaults: str = "") -> SandboxLimits:
    """The sandbox of a goal that is one command."""
    text = "\n".join(["goal: g", "run: x", *([f"defaults: {{sandbox: {defaults}}}"] if defaults else []), *lines])
    return parse_goal(text, "/goal.yaml", {}).root.sandbox


def test_f152_hosts_are_kept_in_one_way_and_once() -> None:
    found = limits(
        "sandbox: {network: egress, egress: [PyPI.org:443, pypi.org.:443, '[2606:4700:0::1]:80'], ask: true}"
    )
    assert (found.network, found.ask) == ("egress", True)
    assert found.egress == ("pypi.org:443", "[2606:4700::1]:80")


def test_a_task_takes_its_list_over_that_of_the_defaults() -> None:
    found = limits("sandbox: {egress: [b.c:1]}", defaults="{network: egress, egress: [a.b:1]}")
    assert (found.network, found.egress) == ("egress", ("b.c:1",))
    assert limits("sandbox: {network: none}", defaults="{network: egress, egress: [a.b:1]}").network == "none"


@pytest.mark.parametrize(
    ("sandbox", "said"),
    [
        ("{network: egress}", "`network: egress` reaches nothing"),
        ("{network: egress, egress: []}", "`network: egress` reaches nothing"),
        ("{egress: [a.b:1]}", "`egress` has no meaning with the network `none`"),
        ("{network: open, ask: true}", "`ask` has no meaning with the network `open`"),
        ("{network: egress, egress: ['*.b.c:443']}", "each host is named in full"),
        ("{network: egress, egress: [a.b]}", "'a.b' is not host:port"),
        ("{network: egress, egress: [10.0.0.1:80]}", "10.0.0.1:80 is a private address, and those are never reached"),
        ("{network: egress, egress: ['[::1]:80']}", "[::1]:80 is a loopback address, and those are never reached"),
        ("{network: egress, egress: [127.1:80]}", "neither a name nor an address"),
        ("{network: egress, egress: a.b:1}", "`egress` is not a list"),
        ("{network: egress, ask: perhaps}", "`ask` is `perhaps`"),
    ],
)
def test_r112_what_cannot_be_meant_is_refused_with_its_line(sandbox: str, said: str) -> None:
    with pytest.raises(InvalidGoalFile) as refused:
        limits(f"sandbox: {sandbox}")
    text = str(refused.value)
    assert said in text
    assert "/goal.yaml:3: " in text


def test_a_list_has_a_bound() -> None:
    with pytest.raises(InvalidGoalFile, match="more than 200 hosts"):
        limits(f"sandbox: {{network: egress, egress: [{', '.join(f'h{n}.test:1' for n in range(201))}]}}")


def test_f46_the_plan_shows_what_is_reached() -> None:
    text = "goal: g\ntasks:\n- {id: a, run: x, sandbox: {network: egress, egress: [a.b:1, c.d:2], ask: true}}\n"
    text += "- {id: b, run: x, sandbox: {network: egress, ask: true}}\n- {id: c, run: x}\n"
    shown = [task.limits for task in plan(parse_goal(text, "/goal.yaml", {})).tasks]
    assert "egress to a.b:1, c.d:2, asks about the rest" in shown[0]
    assert "egress to nothing, asks about the rest" in shown[1]
    assert "no network" in shown[2]


def test_a_profile_brings_what_its_agent_needs() -> None:
    profile = AgentProfile(argv=("agent",), network="egress", egress=("API.test:443",))
    text = "goal: g\nagent: a\nprompt: p\n"
    found = parse_goal(text, "/goal.yaml", {}, agents={"a": profile}).root.sandbox
    assert (found.network, found.egress, found.ask) == ("egress", ("api.test:443",), False)
    with pytest.raises(ValidationError):
        AgentProfile(argv=("agent",), network="egress", egress=("*.test:443",))
